//! What goes wrong, and how often.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;

use crate::chance::Chance;

macro_rules! faults {
    ($($(#[doc = $what:literal])+ $fault:ident $rate:literal;)+) => {
        /// One kind of misfortune.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
        pub enum Fault {
            $($(#[doc = $what])+ $fault,)+
        }

        impl Fault {
            /// How often it strikes in ten thousand chances, on an average day.
            const fn rate(self) -> u32 {
                match self { $(Self::$fault => $rate,)+ }
            }
        }
    };
}

faults! {
    /// The process dies between two awaits.
    Crash 12;
    /// All processes die at once, as when a new version is deployed.
    Deploy 3;
    /// The store refuses for now: too many requests.
    Throttled 25;
    /// The store does not answer; nothing was written.
    StoreDown 15;
    /// Another transaction holds the item until the time is over.
    Contention 20;
    /// A commit succeeded, and nobody hears so.
    CommitAnswerLost 40;
    /// An index lags behind its table.
    IndexLag 100;
    /// The queue does not take a message.
    QueueRefused 60;
    /// The queue took messages and does not say so.
    QueueAnswerLost 60;
    /// A message is handed out twice at once.
    MessageDoubled 250;
    /// A message that was done is not deleted.
    DeleteFailed 200;
    /// A batch holds something that is no message of ours.
    PoisonNeighbour 30;
    /// A shard of the stream hands out changes again.
    StreamRewound 200;
    /// The archive does not work.
    ArchiveDown 50;
    /// The mailer refuses a mail for now.
    MailRefused 150;
    /// A mail is out, or not, and the answer is lost.
    MailAnswerLost 60;
    /// No connection to the provider comes up.
    ProviderUnreachable 150;
    /// The provider goes away for an hour to four, with an answer that nobody gets.
    ProviderOutage 60;
    /// The provider did it, and its answer is lost.
    ProviderAnswerLost 300;
    /// The request gets lost on its way to the provider.
    ProviderRequestLost 150;
    /// The request comes to the provider when its client has given it up, up to fifty minutes later.
    ProviderLate 150;
    /// The provider answers 500 and keeps that under the key, after doing it or not.
    ProviderError 150;
    /// The provider makes a payment, answers 500, keeps that under the key, and does nothing more with the payment.
    ProviderStall 150;
    /// The provider says that the key is in use.
    ProviderConflict 80;
    /// The provider says that there were too many requests.
    ProviderRateLimit 100;
    /// A proxy answers for the provider, with a page and status 200.
    ProviderHtml 80;
    /// The provider's answer comes late; until then its key is in use.
    ProviderSlow 300;
    /// A webhook comes twice.
    WebhookDoubled 1500;
    /// A webhook comes hours or weeks late.
    WebhookLate 800;
    /// A webhook is overtaken by later ones.
    WebhookReordered 3000;
    /// A webhook is lost and sent again later.
    WebhookDropped 600;
    /// A webhook never comes, until somebody has it sent again.
    WebhookNever 200;
    /// No webhook tells anything of a payment, until somebody has them sent again.
    PaymentUntold 400;
    /// No webhook gets through for up to two days; then all come, in any order.
    WebhookOutage 30;
    /// A tick comes twice.
    TickDoubled 300;
    /// A tick comes up to a day late.
    TickLate 60;
    /// No tick comes for up to three days.
    TickMissing 20;
    /// A client of the API loses patience and asks again under the same key.
    ClientRepeats 800;
    /// A machine's clock is off by up to ten minutes.
    ClockSkew 2000;
}

/// The name of a fault or a defect on the command line.
#[must_use]
pub fn name(of: &impl ValueEnum) -> String {
    of.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The faults of one run. Each kind has its own source of chance, so that leaving one out does not move the others.
#[derive(Debug)]
pub(crate) struct Weather(Mutex<State>);

#[derive(Debug)]
struct State {
    of: BTreeMap<Fault, Kind>,
    turns: Chance,
    is_calm: bool,
}

#[derive(Debug)]
struct Kind {
    chance: Chance,
    rate: u32,
    met: u64,
}

impl Weather {
    /// The weather of a seed, without the faults that are left out. Some seeds are calm, some are stormy; all begin calm.
    pub(crate) fn of(seed: u64, without: &[Fault]) -> Self {
        let mut climate = Chance::of(seed, "climate");
        let strength = [0, 10, 10, 20, 40].get(climate.below(5)).copied().unwrap_or(10);
        let of = Fault::value_variants().iter().map(|fault| {
            let rate = if without.contains(fault) { 0 } else { fault.rate().saturating_mul(strength) / 10 };
            (*fault, Kind { chance: Chance::of(seed, &name(fault)), rate: rate.min(8_000), met: 0 })
        });
        Self(Mutex::new(State { of: of.collect(), turns: Chance::of(seed, "turns"), is_calm: true }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this fault strikes now.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        let mut state = self.lock();
        if state.is_calm {
            return false;
        }
        let Some(kind) = state.of.get_mut(&fault) else { return false };
        let strikes = kind.chance.happens(kind.rate);
        kind.met = kind.met.saturating_add(u64::from(strikes));
        strikes
    }

    /// How strongly a fault that struck does: a number below `end`.
    pub(crate) fn how(&self, fault: Fault, end: usize) -> usize {
        self.lock().of.get_mut(&fault).map_or(0, |kind| kind.chance.below(end))
    }

    /// Lets things go wrong from now on.
    pub(crate) fn begin(&self) {
        self.lock().is_calm = false;
    }

    /// Lets nothing more go wrong.
    pub(crate) fn heal(&self) {
        self.lock().is_calm = true;
    }

    /// Whether nothing goes wrong.
    pub(crate) fn is_calm(&self) -> bool {
        self.lock().is_calm
    }

    /// Whether the caller gives the others their turn at this point.
    pub(crate) fn gives_way(&self) -> bool {
        let mut state = self.lock();
        !state.is_calm && state.turns.happens(4_000)
    }

    /// How often each fault struck.
    pub(crate) fn met(&self) -> BTreeMap<Fault, u64> {
        self.lock().of.iter().map(|(fault, kind)| (*fault, kind.met)).collect()
    }
}
