#![doc = include_str!("../README.md")]

mod card_data;
mod dead_letters;
mod inbox;
mod replay;
mod reports;
mod scan;
mod stack;
mod terminal;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use saldo_messages::Destination;
use saldo_runtime::clock;
use saldo_runtime::config::Environment;
use saldo_runtime::queue::AwsQueue;

use crate::dead_letters::DeadLetterQueue;
use crate::inbox::EventName;
use crate::stack::{Stack, Target};

/// Look into a deployed Saldo, and help it on.
#[derive(Debug, Parser)]
#[command(name = "saldo")]
struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The dead-letter queues: what failed as often as its queue allows.
    #[command(subcommand)]
    Dlq(Dlq),
    /// The inbox: every event of a provider as it was received.
    #[command(subcommand)]
    Inbox(Inbox),
    /// Read all books and say what must hold and does not.
    Verify(verify::Options),
    /// Rebuild the books from the inbox and the decisions, and say what differs; both must fit into this machine's memory.
    Replay(replay::Options),
    /// The reports: what is counted of the books.
    #[command(subcommand)]
    Reports(Reports),
}

#[derive(Debug, Subcommand)]
enum Dlq {
    /// Every dead-letter queue with its depth and the age of its oldest message.
    List,
    /// Messages of one queue in readable form; they stay where they are.
    Show {
        /// Which queue.
        queue: DeadLetterQueue,
        /// How many messages at most.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Move the messages of one queue back to where they came from, to be handled again.
    Redrive {
        /// Which queue.
        queue: DeadLetterQueue,
        /// Do it: without this, it only says what it would do.
        #[arg(long)]
        yes: bool,
    },
    /// Delete the messages of one queue that has no queue before it to move them back to.
    Purge {
        /// Which queue.
        queue: DeadLetterQueue,
        /// Do it: without this, it only says what it would do.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Inbox {
    /// One event: what became of it, its headers, its body.
    Show(EventName),
    /// Have one event tried again now, which waits, was given up or ignored.
    Retry(EventName),
}

#[derive(Debug, Subcommand)]
enum Reports {
    /// Walk over everything in the books and count what the reports have not counted, beside the running functions.
    Rebuild {
        /// Do it: without this, it only says what it would do.
        #[arg(long)]
        yes: bool,
    },
}

/// What could not be done: something else than 1, which says that not all is well.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::notice(&format!("saldo: cannot start: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            terminal::notice(&format!("saldo: {error:#}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Does what was asked for; false when it was done and found that not all is well.
async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let stack = Stack::open(&arguments.target, &Environment::of_process()).await?;
    match arguments.command {
        Command::Dlq(Dlq::List) => dead_letters::list(&stack, clock::now()).await?,
        Command::Dlq(Dlq::Show { queue, limit }) => dead_letters::show(&stack, queue, limit, clock::now()).await?,
        Command::Dlq(Dlq::Redrive { queue, yes }) => dead_letters::redrive(&stack, queue, yes).await?,
        Command::Dlq(Dlq::Purge { queue, yes }) => dead_letters::purge(&stack, queue, yes).await?,
        Command::Inbox(Inbox::Show(event)) => terminal::result(&inbox::show(&stack.store()?, &event).await?),
        Command::Inbox(Inbox::Retry(event)) => {
            let url = stack.output("ProviderEventsQueueUrl")?.to_owned();
            let queue = AwsQueue::to_queues(stack.sqs(), [(Destination::ProviderEvents, url)]);
            let outcome = inbox::retry(&stack.store()?, &queue, &event, clock::now()).await?;
            terminal::result(&format!("asked for; {outcome}"));
        }
        Command::Verify(options) => return verify::run(&stack, &options).await,
        Command::Replay(options) => return replay::run(&stack, &options).await,
        Command::Reports(Reports::Rebuild { yes }) => return reports::rebuild(&stack.store()?, yes).await,
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_stack_is_named_before_or_after_the_command() {
        for line in ["saldo --stack billing dlq list", "saldo dlq list --stack billing"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.target.stack.as_deref(), Some("billing"), "{line}");
        }
        let local = Arguments::try_parse_from(["saldo", "--local", "dlq", "list"]).unwrap();
        assert_eq!(local.target.local.unwrap().to_str(), Some("target/local/stack.json"));
        assert!(Arguments::try_parse_from(["saldo", "--local", "--stack", "billing", "dlq", "list"]).is_err());
    }

    #[test]
    fn repairing_needs_a_yes_and_a_yes_something_to_repair() {
        let line = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(line("saldo --local replay --repair --yes --limit 5").is_ok());
        assert!(line("saldo --local replay --repair").is_ok());
        assert!(line("saldo --local replay --yes").is_err());
        assert!(line("saldo --local replay --swap --yes").is_ok());
        assert!(line("saldo --local replay --swap --repair").is_err());
    }

    #[test]
    fn what_deletes_or_counts_takes_a_yes() {
        let line = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(line("saldo --local dlq purge billing-tick --yes").is_ok());
        assert!(line("saldo --local dlq purge --yes").is_err());
        assert!(line("saldo --local reports rebuild --yes").is_ok());
        assert!(line("saldo --local reports rebuild").is_ok());
    }

    #[test]
    fn queues_are_named_as_the_alarms_name_them() {
        let line = |queue| Arguments::try_parse_from(["saldo", "--local", "dlq", "show", queue]);
        assert!(line("provider-events").is_ok());
        let error = line("provider-event").unwrap_err().to_string();
        assert!(error.contains("invoices-due"), "{error}");
    }
}
