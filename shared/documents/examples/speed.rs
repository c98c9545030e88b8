//! How long an invoice takes to render: `cargo run --release -p saldo-documents --example speed`.

#[path = "../tests/world/mod.rs"]
mod world;

use std::error::Error;
use std::time::Instant;

use saldo_billing::invoice::Collection;

#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures time and tells it")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut invoices = world::gallery();
    let (seller, customer) = (world::nordwind(), world::zoe());
    let (invoice, document) =
        world::issued(&seller, &customer, Collection::SendInvoice, world::many_lines(5_000), world::eur("0"));
    invoices.push(("five-thousand-lines-de", invoice, document));
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, invoice, document) in invoices.iter().filter(|(name, ..)| name.contains(&wanted)) {
        let rounds = if document.lines.len() > 1_000 { 5 } else { 200 };
        let began = Instant::now();
        let size = saldo_documents::pdf::invoice(invoice, document)?.len();
        let first = began.elapsed();
        let began = Instant::now();
        for _ in 0..rounds {
            saldo_documents::pdf::invoice(invoice, document)?;
        }
        let warm = began.elapsed().checked_div(rounds).unwrap_or_default();
        println!("{name:22} {size:>8} bytes  first {first:>12.2?}  then {warm:>10.2?}");
    }
    Ok(())
}
