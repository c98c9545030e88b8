//! The demo's believable business: two sellers, thirty customers in six countries, and what they subscribe to.

/// A seller and its provider account.
#[derive(Debug)]
pub(super) struct Seller {
    pub(super) name: &'static str,
    pub(super) country: &'static str,
    pub(super) lines: [&'static str; 1],
    pub(super) city: (&'static str, &'static str),
    pub(super) zone: &'static str,
    pub(super) language: &'static str,
    pub(super) email: &'static str,
    pub(super) prefix: &'static str,
    pub(super) account: &'static str,
    pub(super) vat: &'static str,
    pub(super) colour: &'static str,
    pub(super) footer: &'static str,
}

pub(super) const SELLERS: [Seller; 2] = [
    Seller {
        name: "Nordwind Software GmbH",
        country: "DE",
        lines: ["Speicherstraße 12"],
        city: ("20457", "Hamburg"),
        zone: "Europe/Berlin",
        language: "de",
        email: "rechnung@nordwind.example",
        prefix: "NW-",
        account: "stripe/main",
        vat: "DE298765432",
        colour: "#0b5d8a",
        footer: "Amtsgericht Hamburg HRB 123456 · Geschäftsführerin: Dr. Antje Krüger · IBAN DE02 1203 0000 0000 2020 51",
    },
    Seller {
        name: "Tulp Digital B.V.",
        country: "NL",
        lines: ["Prinsengracht 263"],
        city: ("1016 GV", "Amsterdam"),
        zone: "Europe/Amsterdam",
        language: "en",
        email: "billing@tulp.example",
        prefix: "TD-",
        account: "stripe/nl",
        vat: "NL857654321B01",
        colour: "#b3401e",
        footer: "KvK 76543210 · IBAN NL91 ABNA 0417 1643 00",
    },
];

pub(super) const PRODUCTS: [&str; 4] = ["Team workspace", "Analytics", "Priority support", "Archive storage"];

/// A price: the index of its product, and what it costs.
#[derive(Debug)]
pub(super) struct Price {
    pub(super) product: usize,
    pub(super) currency: &'static str,
    pub(super) unit_amount: &'static str,
    pub(super) interval: (&'static str, u16),
    pub(super) tax_rate: &'static str,
}

const fn price(
    product: usize,
    currency: &'static str,
    unit_amount: &'static str,
    interval: (&'static str, u16),
    tax_rate: &'static str,
) -> Price {
    Price { product, currency, unit_amount, interval, tax_rate }
}

/// Months and years as the API names them.
const MONTHLY: (&str, u16) = ("month", 1);
const QUARTERLY: (&str, u16) = ("month", 3);
const YEARLY: (&str, u16) = ("year", 1);

pub(super) const PRICES: [Price; 9] = [
    price(0, "EUR", "49.00", MONTHLY, "0.19"),
    price(0, "EUR", "1200.00", YEARLY, "0.21"),
    price(1, "EUR", "89.90", MONTHLY, "0.21"),
    price(2, "EUR", "240.00", QUARTERLY, "0.19"),
    price(0, "USD", "59.00", MONTHLY, "0"),
    price(1, "USD", "279.00", QUARTERLY, "0"),
    price(3, "USD", "99.99", YEARLY, "0"),
    price(0, "JPY", "6800", MONTHLY, "0.10"),
    price(3, "EUR", "0.0375", MONTHLY, "0.22"),
];

/// A customer and their subscription.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    pub(super) country: &'static str,
    pub(super) city: &'static str,
    pub(super) zone: &'static str,
    pub(super) language: &'static str,
    pub(super) region: &'static str,
    pub(super) channel: &'static str,
    pub(super) seller: usize,
    pub(super) price: usize,
    pub(super) quantity: &'static str,
    /// The day of the quarter's first month on which the subscription starts.
    pub(super) start_day: u32,
    pub(super) pays: Pays,
}

/// How a customer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pays {
    /// By a saved method, charged automatically: the twin's test method.
    ByMethod(&'static str),
    /// On the hosted page, when the first reminder has come.
    OnPage,
    /// By a card at the provider that Saldo hears of by webhook alone, after the due date.
    Late,
    /// Only part of it.
    InPart,
    /// More than is due.
    TooMuch,
    /// Not at all.
    Never,
}

const CARD: Pays = Pays::ByMethod("pm_card_visa");
const MASTERCARD: Pays = Pays::ByMethod("pm_card_mastercard");
const SEPA: Pays = Pays::ByMethod("pm_sepa_debit");
const NO_FUNDS: Pays = Pays::ByMethod("pm_card_visa_chargeDeclinedInsufficientFunds");
const LOST_CARD: Pays = Pays::ByMethod("pm_card_visa_chargeDeclinedLostCard");

macro_rules! customers {
    ($($name:literal $email:literal $country:literal $city:literal $zone:literal $language:literal $region:literal $channel:literal
        $seller:literal $price:literal $quantity:literal $start_day:literal $pays:expr;)*) => {
        [$(Customer {
            name: $name, email: $email, country: $country, city: $city, zone: $zone, language: $language, region: $region,
            channel: $channel, seller: $seller, price: $price, quantity: $quantity, start_day: $start_day, pays: $pays,
        }),*]
    };
}

#[rustfmt::skip]
pub(super) const CUSTOMERS: [Customer; 30] = customers! {
    "Bäckerei Groß & Söhne" "buchhaltung@gross.example" "DE" "Bremen" "Europe/Berlin" "de" "DACH" "web" 0 0 "3" 1 CARD;
    "Müller Logistik GmbH" "finance@mueller.example" "DE" "Köln" "Europe/Berlin" "de" "DACH" "sales" 0 3 "1" 1 SEPA;
    "Praxis Dr. Yılmaz" "praxis@yilmaz.example" "DE" "Berlin" "Europe/Berlin" "de" "DACH" "partner" 0 0 "1" 5 Pays::OnPage;
    "Straßenbau Weiß KG" "rechnungen@weiss.example" "DE" "Leipzig" "Europe/Berlin" "de" "DACH" "sales" 0 0 "12" 1 Pays::Never;
    "Kanzlei Öztürk" "kanzlei@oeztuerk.example" "DE" "München" "Europe/Berlin" "de" "DACH" "web" 0 0 "2" 1 NO_FUNDS;
    "Blumen Lange" "info@lange.example" "DE" "Kiel" "Europe/Berlin" "de" "DACH" "web" 0 0 "1" 15 CARD;
    "Van den Berg Advies" "admin@vandenberg.example" "NL" "Utrecht" "Europe/Amsterdam" "nl" "Benelux" "sales" 1 2 "4" 1 CARD;
    "Zoë's Koffiehuis" "zoe@koffiehuis.example" "NL" "Delft" "Europe/Amsterdam" "nl" "Benelux" "web" 1 2 "1" 1 Pays::OnPage;
    "De Vries Bouw" "facturen@devries.example" "NL" "Zwolle" "Europe/Amsterdam" "nl" "Benelux" "partner" 1 1 "1" 1 SEPA;
    "Grachtenmuseum" "financien@grachten.example" "NL" "Amsterdam" "Europe/Amsterdam" "nl" "Benelux" "sales" 1 2 "2" 5 Pays::InPart;
    "Jansen Fietsen" "jansen@fietsen.example" "NL" "Groningen" "Europe/Amsterdam" "nl" "Benelux" "web" 1 2 "1" 15 MASTERCARD;
    "Trattoria da Nicolò" "conti@danicolo.example" "IT" "Bologna" "Europe/Rome" "it" "South" "web" 1 8 "1000" 1 CARD;
    "Ceramiche Bellò S.r.l." "amministrazione@bello.example" "IT" "Faenza" "Europe/Rome" "it" "South" "partner" 1 2 "1" 5 Pays::TooMuch;
    "Studio Ferri" "studio@ferri.example" "IT" "Torino" "Europe/Rome" "it" "South" "sales" 1 8 "2500" 1 LOST_CARD;
    "Officina Rossi" "officina@rossi.example" "IT" "Modena" "Europe/Rome" "it" "South" "web" 1 2 "1" 15 CARD;
    "Cafés Peñalver" "cuentas@penalver.example" "ES" "Valencia" "Europe/Madrid" "es" "South" "web" 1 2 "1" 1 CARD;
    "Muñoz Arquitectos" "pagos@munoz.example" "ES" "Madrid" "Europe/Madrid" "es" "South" "sales" 1 1 "2" 5 Pays::OnPage;
    "Librería El Ñandú" "hola@nandu.example" "ES" "Sevilla" "Europe/Madrid" "es" "South" "partner" 1 8 "400" 1 MASTERCARD;
    "Clínica Tenerife" "facturas@clinica.example" "ES" "Santa Cruz" "Atlantic/Canary" "es" "South" "sales" 1 2 "3" 15 Pays::Late;
    "北京云帆科技有限公司" "caiwu@yunfan.example" "CN" "北京市" "Asia/Shanghai" "zh" "APAC" "partner" 0 4 "5" 1 Pays::OnPage;
    "上海茶园贸易" "zhang@chayuan.example" "CN" "上海市" "Asia/Shanghai" "zh" "APAC" "web" 0 4 "1" 5 CARD;
    "深圳光谷电子" "finance@guanggu.example" "CN" "深圳市" "Asia/Shanghai" "zh" "APAC" "sales" 0 5 "2" 1 Pays::Late;
    "杭州西湖设计" "wang@xihu.example" "CN" "杭州市" "Asia/Shanghai" "zh" "APAC" "web" 0 6 "1" 15 CARD;
    "Lakeside Dental" "office@lakeside.example" "US" "Chicago" "America/Chicago" "en" "Americas" "web" 0 4 "2" 1 CARD;
    "Harbor & Finch LLC" "ap@harborfinch.example" "US" "New York" "America/New_York" "en" "Americas" "sales" 0 5 "3" 1 MASTERCARD;
    "Pacific Trail Runners" "treasurer@trail.example" "US" "Portland" "America/Los_Angeles" "en" "Americas" "web" 0 4 "1" 5 NO_FUNDS;
    "Mesa Verde School" "billing@mesaverde.example" "US" "Phoenix" "America/Phoenix" "en" "Americas" "partner" 0 6 "10" 1 Pays::OnPage;
    "O'Neill Studios" "studio@oneill.example" "US" "Austin" "America/Chicago" "en" "Americas" "web" 0 4 "1" 15 Pays::Never;
    "Aloha Surf Imports" "books@alohasurf.example" "US" "Honolulu" "Pacific/Honolulu" "en" "APAC" "sales" 0 7 "4" 1 CARD;
    "大连樱花贸易" "liu@yinghua.example" "CN" "大连市" "Asia/Shanghai" "zh" "APAC" "partner" 0 7 "1" 5 Pays::OnPage;
};
