//! What must hold of the text of any configuration file, for the fuzzer to try.

use std::path::PathBuf;

use crate::cli::RunArgs;
use crate::config::{self, Config, Difference, Loaded};

/// Judges two texts of a file and goes from what the one says to what the other does, as a change and a save while the switch
/// runs would. True if both were accepted and so was the change.
///
/// # Panics
/// If what was accepted does not differ from itself in nothing, is not the same in JSON, or is not written so that it reads
/// back as the same: each would be a fault of ours.
#[must_use]
pub fn go(before: &str, after: &str) -> bool {
    let args = RunArgs {
        config: Some(PathBuf::from("trial.toml")),
        dir: Some(PathBuf::from("/run/vmq")),
        ..RunArgs::default()
    };
    let load = |text: &str| {
        let loaded = config::read(&args, Some(text.to_owned()));
        // Whoever made mistakes is told at some length, but not for ever.
        loaded.map_err(|rejected| assert!(rejected.to_string().lines().count() <= 200))
    };
    let (before_text, before, after) = (before, load(before), load(after));
    let Ok(Loaded { config: before, .. }) = before else {
        return false;
    };
    assert!(Difference::between(&before, &before).is_nothing());
    let json = serde_json::to_value(&before).expect("a configuration has a spelling in JSON");
    let read: Config = serde_json::from_value(json).expect("JSON that was just written");
    assert_eq!(read, before);
    let same = config::rewrite(&args, before_text, &before).expect("nothing to write");
    assert_eq!(same, before_text);
    let Ok(Loaded { config: after, .. }) = after else {
        return false;
    };
    let wanted = Config {
        switch: before.switch.clone(),
        api: before.api.clone(),
        ..after
    };
    if wanted.judge().is_err() {
        return false;
    }
    if let Err(error) = config::rewrite(&args, before_text, &wanted) {
        panic!("{error}");
    }
    true
}
