//! Writes one of each document and mail into a folder, to be looked at: `cargo run -p saldo-documents --example samples -- FOLDER`.

#[path = "../tests/world/mod.rs"]
mod world;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("expected the folder to write to")?);
    fs::create_dir_all(&folder)?;
    for (name, invoice, document) in world::gallery() {
        fs::write(folder.join(format!("{name}.pdf")), saldo_documents::pdf::invoice(&invoice, &document)?)?;
    }
    for (name, mail) in world::mails() {
        fs::write(folder.join(format!("{name}.html")), &mail.html)?;
        fs::write(folder.join(format!("{name}.txt")), &mail.text)?;
        fs::write(folder.join(format!("{name}.eml")), mail.mime())?;
    }
    Ok(())
}
