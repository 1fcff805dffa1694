//! `vmq port` and `vmq network`: settings listed, shown, made, changed and removed.
//!
//! A change is the settings as they are with what the command line says in their place. The switch takes it only if nobody
//! else has changed them meanwhile.

use std::io::{self, Write};

use serde_json::json;

use super::words::{self, Word};
use super::{file, open, print_json};
use crate::cli::{Named, Removal, SettingCommand, Settings, Show};
use crate::config::{
    Assignment, Document, Kind, Mistake, NetworkConfig, Path, PortConfig, Rejected, changed_keys,
};
use crate::control::{Client, Setting};
use crate::failure::Failure;
use crate::output::{Align, Cell, DIM, Table};
use crate::run;

/// The longest text of a value in a list.
const SHOWN: usize = 48;

/// What is said of a port or a network that was added.
pub(crate) trait Welcome: Setting + Default {
    fn welcome(&self, client: &Client, out: &mut dyn Write) -> Result<(), Failure>;
}

/// Asks the switch for its ports or networks, or changes them.
pub(crate) fn run<T: Welcome>(command: &SettingCommand) -> Result<(), Failure> {
    match command {
        SettingCommand::List(show) => list::<T>(show),
        SettingCommand::Show(named) => show::<T>(named),
        SettingCommand::Add(settings) => add::<T>(settings),
        SettingCommand::Set(settings) => set::<T>(settings),
        SettingCommand::Remove(removal) => remove::<T>(removal),
    }
}

fn list<T: Welcome>(show: &Show) -> Result<(), Failure> {
    let all = open(&show.reach)?.list::<T>()?;
    let mut out = anstream::stdout().lock();
    match show.json {
        true => print_json(&mut out, &T::list(all))?,
        false => write_all(&all, &mut out)?,
    }
    Ok(out.flush()?)
}

fn write_all<T: Welcome>(all: &[T], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([("NAME", Align::Left), ("SETTINGS", Align::Left)]);
    for thing in all {
        let words = words::of(thing).into_iter().filter(|word| !word.is_default);
        let words: Vec<_> = words
            .map(|Word { key, text, .. }| format!("{key}={}", shortened(&text)))
            .collect();
        table.push([thing.name().into(), words.join(" ").into()]);
    }
    table.write(out)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn show<T: Welcome>(named: &Named) -> Result<(), Failure> {
    let (thing, _) = open(&named.show.reach)?.read::<T>(&named.name)?;
    let mut out = anstream::stdout().lock();
    match named.show.json {
        true => print_json(&mut out, &thing)?,
        false => write_one(&thing, &mut out)?,
    }
    Ok(out.flush()?)
}

/// A line for each setting; what nobody asked for is dimmed.
fn write_one<T: Welcome>(thing: &T, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([("KEY", Align::Left), ("VALUE", Align::Left)]);
    for Word {
        key,
        text,
        is_default,
    } in words::of(thing)
    {
        let text = match text.is_empty() {
            true => "-".to_owned(),
            false => text,
        };
        table.push(match is_default {
            true => [Cell::styled(key, DIM), Cell::styled(text, DIM)],
            false => [key.into(), text.into()],
        });
    }
    table.write(out)
}

fn add<T: Welcome>(settings: &Settings) -> Result<(), Failure> {
    let base = Document::of_json(&json!({ "name": settings.name }));
    let wanted: T = assigned(base, &settings.settings)?;
    let client = open(&settings.show.reach)?;
    let made = client.add(&wanted)?;
    let mut out = anstream::stdout().lock();
    match settings.show.json {
        true => print_json(&mut out, &made)?,
        false => made.welcome(&client, &mut out)?,
    }
    finish(settings, &client, &mut out)
}

fn set<T: Welcome>(settings: &Settings) -> Result<(), Failure> {
    let client = open(&settings.show.reach)?;
    let (before, known) = client.read::<T>(&settings.name)?;
    let base = serde_json::to_value(&before).unwrap_or_default();
    let wanted: T = assigned(Document::of_json(&base), &settings.settings)?;
    let made = client.put(&wanted, &known)?;
    let mut out = anstream::stdout().lock();
    let keys = changed_keys(&before, &made);
    match (settings.show.json, keys.is_empty()) {
        (true, _) => print_json(&mut out, &made)?,
        (false, true) => writeln!(out, "{} {}: nothing changed", T::WHAT, made.name())?,
        (false, false) => writeln!(
            out,
            "{} {}: changed {}",
            T::WHAT,
            made.name(),
            keys.join(", ")
        )?,
    }
    finish(settings, &client, &mut out)
}

fn finish(settings: &Settings, client: &Client, out: &mut dyn Write) -> Result<(), Failure> {
    match settings.show.json {
        // What is printed is one object.
        true => file::save_if(&settings.lasting, client, &mut io::sink())?,
        false => file::save_if(&settings.lasting, client, out)?,
    }
    Ok(out.flush()?)
}

fn remove<T: Welcome>(removal: &Removal) -> Result<(), Failure> {
    let client = open(&removal.reach)?;
    client.remove::<T>(&removal.name)?;
    let mut out = anstream::stdout().lock();
    writeln!(out, "{} {}: removed", T::WHAT, removal.name)?;
    file::save_if(&removal.lasting, &client, &mut out)?;
    Ok(out.flush()?)
}

/// What the command line makes of `document`.
fn assigned<T: Setting>(mut document: Document, settings: &[Assignment]) -> Result<T, Rejected> {
    let mut rejected = Rejected::default();
    for assignment in settings {
        document.assign(assignment);
        if assignment.path() == ["name"] {
            let path = Path::default().key("name");
            let remedy = "add one of that name and remove this one";
            let mistake = Mistake::new(path, Kind::Fixed, "a name does not change", remedy);
            return Err(document.reject(&mistake.into()));
        }
    }
    let read = document.read(&mut rejected);
    read.filter(|_| rejected.is_empty()).ok_or(rejected)
}

impl Welcome for PortConfig {
    /// Where its machine is to be plugged in.
    fn welcome(&self, client: &Client, out: &mut dyn Write) -> Result<(), Failure> {
        let status = client.status()?;
        if let Some(port) = status.port(&self.name) {
            run::write_ready(&self.name, port.mode, &port.socket, &status.dir, out)?;
        }
        Ok(())
    }
}

impl Welcome for NetworkConfig {
    fn welcome(&self, _: &Client, out: &mut dyn Write) -> Result<(), Failure> {
        Ok(writeln!(out, "network {}: added", self.name)?)
    }
}
