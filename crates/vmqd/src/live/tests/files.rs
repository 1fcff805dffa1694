//! The file: read again, written, and never half of it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::cli::RunArgs;
use crate::config;

/// A switch with a file.
fn with_file(text: &str) -> (Lab, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("lab.toml");
    fs::write(&path, text).unwrap();
    let args = RunArgs {
        config: Some(path.clone()),
        dir: Some(scratch.path().join("run")),
        ..RunArgs::default()
    };
    fs::create_dir(scratch.path().join("run")).unwrap();
    let loaded = config::load(&args).unwrap();
    let origin = Origin {
        args,
        text: loaded.text,
    };
    let live = Live::start(loaded.config, Some(origin)).unwrap();
    (Lab { live, scratch }, path)
}

#[test]
fn a_file_is_read_again_and_applied() {
    let (lab, path) = with_file("[[port]]\nname = 'a'\n");
    fs::write(
        &path,
        "[[port]]\nname = 'a'\nmtu = 1500\n[[port]]\nname = 'b'\n",
    )
    .unwrap();
    let changes = lab.live.reload().unwrap();
    assert_eq!(
        changes.to_string(),
        "ports: b added, a changed (mtu), 0 unchanged"
    );
    assert_eq!(lab.live.reload().unwrap().to_string(), "nothing changed");
}

#[test]
fn a_reload_does_not_reach_ports_whose_settings_stay() {
    let text = |mtu| {
        format!("[[port]]\nname = 'a'\n[[port]]\nname = 'b'\n[[port]]\nname = 'c'\nmtu = {mtu}\n")
    };
    let (lab, path) = with_file(&text(1000));
    check_unharmed(&lab, || {
        for mtu in 1001..1061 {
            fs::write(&path, text(mtu)).unwrap();
            let changes = lab.live.reload().unwrap();
            assert_eq!(changes.to_string(), "ports: c changed (mtu), 2 unchanged");
        }
    });
}

#[test]
fn a_wrong_file_changes_nothing_and_says_where() {
    let (lab, path) = with_file("[[port]]\nname = 'a'\n");
    let before = lab.observed();
    let said = |text: &str| {
        fs::write(&path, text).unwrap();
        lab.live.reload().unwrap_err().to_string()
    };
    let shape = said("[[port]]\nname = 'b'\nmtv = 3\n");
    assert!(
        shape.contains("lab.toml:3:1: port.mtv: unknown key"),
        "{shape}"
    );
    let fixed = said("[switch]\nidle = 'spin'\n[[port]]\nname = 'b'\n");
    assert!(
        fixed.ends_with(
            "lab.toml:2:8: switch.idle: it is adapt and cannot become spin while the switch runs: put it back, or restart \
             the switch"
        ),
        "{fixed}"
    );
    let _foreign = std::os::unix::net::UnixListener::bind(lab.path("run/z.sock")).unwrap();
    let system = said("[[port]]\nname = 'b'\n[[port]]\nname = 'z'\n");
    assert!(
        system.contains("lab.toml:3:1: port.socket: another program listens on "),
        "{system}"
    );
    fs::remove_file(&path).unwrap();
    let missing = lab.live.reload().unwrap_err().to_string();
    assert!(missing.contains("lab.toml: cannot be read"), "{missing}");
    assert_eq!(lab.observed(), before);
}

#[test]
fn what_is_saved_is_there_after_a_restart() {
    let (lab, path) = with_file("# Mine.\n[[port]]\nname = 'a' # the first\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    lab.edit(|config| {
        config.ports[0].policy.dhcp_guard = true;
        config.ports.push(PortConfig::named("b"));
    })
    .unwrap();
    assert_eq!(lab.live.save().unwrap(), path);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "# Mine.\n[[port]]\nname = 'a' # the first\ndhcp_guard = true\n\n[[port]]\nname = \"b\"\n"
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(lab.live.reload().unwrap().to_string(), "nothing changed");
    let inode = fs::metadata(&path).unwrap().ino();
    lab.live.save().unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().ino(),
        inode,
        "nothing to write"
    );
}

#[test]
fn what_was_not_saved_is_undone_by_a_reload() {
    let (lab, _) = with_file("[[port]]\nname = 'a'\n");
    lab.edit(|config| config.ports[0].mtu = Some(1500)).unwrap();
    let changes = lab.live.reload().unwrap();
    assert_eq!(changes.ports.changed["a"], ["mtu"]);
    assert_eq!(lab.live.config().ports[0].mtu, None);
}

#[test]
fn a_file_that_somebody_edited_is_not_written_over() {
    let (lab, path) = with_file("[[port]]\nname = 'a'\n");
    fs::write(&path, "[[port]]\nname = 'a'\n# A thought.\n").unwrap();
    lab.edit(|config| config.ports[0].mtu = Some(1500)).unwrap();
    let refused = lab.live.save().unwrap_err();
    assert!(matches!(refused, SaveError::Edited(_)), "{refused}");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "[[port]]\nname = 'a'\n# A thought.\n"
    );
}

#[test]
fn without_a_file_there_is_nothing_to_read_or_save() {
    let lab = Lab::new(named(&["a"]));
    assert!(matches!(lab.live.reload(), Err(ReloadError::NoFile)));
    assert!(matches!(lab.live.save(), Err(SaveError::NoFile)));
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let (lab, path) = with_file("[[port]]\nname = 'a'\n");
    let real = lab.path("real.toml");
    fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink("real.toml", &path).unwrap();
    lab.edit(|config| config.ports[0].mtu = Some(1500)).unwrap();
    lab.live.save().unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("mtu = 1500"));
}

/// Who reads while it is written sees one of the two, whole.
#[test]
fn the_file_is_whole_at_every_moment() {
    let (lab, path) = with_file("[[port]]\nname = 'a'\nmtu = 1000\n");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reads = scope.spawn(|| {
            let mut reads = 0;
            while !is_over.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&path).unwrap();
                let mtu = text.strip_prefix("[[port]]\nname = 'a'\nmtu = ");
                let mtu = mtu.and_then(|rest| rest.strip_suffix('\n'));
                let mtu: u16 = mtu.and_then(|mtu| mtu.parse().ok()).expect(&text);
                assert!((1000..1100).contains(&mtu));
                reads += 1;
            }
            reads
        });
        for round in 1..100 {
            lab.edit(|config| config.ports[0].mtu = Some(1000 + round))
                .unwrap();
            lab.live.save().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(reads.join().unwrap() > 0);
    });
    let left: Vec<_> = fs::read_dir(lab.scratch.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        2,
        "the file and the directory of the sockets: {left:?}"
    );
}
