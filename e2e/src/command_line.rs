//! The `vmq` binary as an administrator uses it: `vmq run`, `vmq status --json`, and whatever else is asked of it.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::api::Api;
use crate::patience::eventually;
use crate::process::Process;
use crate::scratch::Scratch;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A port as the configuration file names it.
#[derive(Clone, Copy, Debug)]
pub struct PortConfig<'a> {
    /// Its name; the socket is `NAME.sock` in the scratch folder.
    pub name: &'a str,
    /// The switch connects and the frontend listens.
    pub connects: bool,
    /// Lines of the file beside these.
    pub settings: &'a str,
}

impl<'a> PortConfig<'a> {
    /// A port whose socket the switch listens on.
    pub fn listening(name: &'a str) -> Self {
        Self {
            name,
            connects: false,
            settings: "",
        }
    }

    /// The same port with these settings: lines of the file.
    #[must_use]
    pub fn with(self, settings: &'a str) -> Self {
        Self { settings, ..self }
    }
}

/// A running `vmq run`.
#[derive(Debug)]
pub struct Switch {
    process: Process,
    folder: PathBuf,
}

impl Switch {
    /// Starts the switch with these ports and waits until it answers.
    pub fn start(scratch: &Scratch, ports: &[PortConfig<'_>]) -> Self {
        Self::run(scratch, ports, &[])
    }

    /// As [`Switch::start`], with the API on TCP too.
    ///
    /// # Panics
    ///
    /// If it does not say where.
    pub fn start_with_api(scratch: &Scratch, ports: &[PortConfig<'_>]) -> (Self, Api) {
        const TOKEN: &str = "e2e-0123456789abcdef0123456789abcdef";
        let file = scratch.file("token");
        let mut open = OpenOptions::new();
        let opened = open.write(true).create_new(true).mode(0o600).open(&file);
        let written = opened.and_then(|mut file| file.write_all(TOKEN.as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let file = file.to_string_lossy();
        let switch = Self::run(
            scratch,
            ports,
            &["--api", "127.0.0.1:0", "--api-token", &file],
        );
        let address = eventually("the switch says where its API is", START_LIMIT, || {
            let log = switch.log();
            let (_, rest) = log.split_once("API ready: http://")?;
            rest.split_once("/v1\n")?.0.parse().ok()
        });
        let api = Api {
            address,
            token: TOKEN.to_owned(),
            socket: switch.socket("vmq"),
        };
        (switch, api)
    }

    fn run(scratch: &Scratch, ports: &[PortConfig<'_>], more: &[&str]) -> Self {
        let folder = scratch.file("");
        let config = write_config(&folder, ports);
        let arguments = [
            "run",
            "--config",
            &config.to_string_lossy(),
            "--dir",
            &folder.to_string_lossy(),
        ];
        let arguments: Vec<_> = arguments
            .iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect();
        let process = Process::spawn(
            scratch,
            "vmq",
            &vmq_binary().to_string_lossy(),
            &arguments,
            Stdio::null(),
        );
        let mut switch = Self { process, folder };
        eventually("vmq status answers", START_LIMIT, || {
            switch.process.assert_alive();
            switch.try_status()
        });
        switch
    }

    /// Path of a port's socket.
    pub fn socket(&self, port: &str) -> PathBuf {
        self.folder.join(format!("{port}.sock"))
    }

    /// `vmq status --json`.
    ///
    /// # Panics
    ///
    /// If the switch is gone or does not answer.
    pub fn status(&mut self) -> Value {
        self.process.assert_alive();
        self.try_status().expect("vmq status answers")
    }

    /// One port's part of the status.
    ///
    /// # Panics
    ///
    /// If there is no such port.
    pub fn port(&mut self, name: &str) -> Value {
        let status = self.status();
        let ports = status["ports"].as_array().expect("status has ports");
        ports
            .iter()
            .find(|port| port["name"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("no port {name} in {status}"))
    }

    /// Writes another configuration and has it read: `vmq reload`. What the command prints.
    ///
    /// # Panics
    ///
    /// If it is refused.
    pub fn reload(&mut self, ports: &[PortConfig<'_>]) -> String {
        write_config(&self.folder, ports);
        self.vmq(&["reload"])
    }

    /// Runs a command of `vmq` that asks this switch, and has to succeed. What it prints.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn vmq(&mut self, command: &[&str]) -> String {
        self.process.assert_alive();
        let folder = self.folder.to_string_lossy();
        let output = vmq_output(&[command, &["--dir", &folder]].concat());
        assert!(
            output.status.success(),
            "vmq {command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Fails the test if the process is gone.
    pub fn assert_alive(&mut self) {
        self.process.assert_alive();
    }

    /// SIGTERM, and its exit status.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.terminate(Duration::from_secs(10))
    }

    fn try_status(&self) -> Option<Value> {
        let output = vmq_output(&["status", "--json", "--dir", &self.folder.to_string_lossy()]);
        output
            .status
            .success()
            .then(|| serde_json::from_slice(&output.stdout).expect("status prints JSON"))
    }
}

impl Drop for Switch {
    /// A failing test shows how things stood.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = vmq_output(&["status", "--json", "--dir", &self.folder.to_string_lossy()]);
            eprintln!(
                "---- vmq status\n{}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
    }
}

fn write_config(folder: &Path, ports: &[PortConfig<'_>]) -> PathBuf {
    let config = folder.join("vmq.toml");
    let mut text = String::new();
    for port in ports {
        let mode = if port.connects { "client" } else { "server" };
        let _ = writeln!(
            text,
            "[[port]]\nname = \"{}\"\nmode = \"{mode}\"\n{}",
            port.name, port.settings
        );
    }
    std::fs::write(&config, text).unwrap_or_else(|error| panic!("{}: {error}", config.display()));
    config
}

/// Runs `vmq` with these arguments to its end.
///
/// # Panics
///
/// If it cannot be started.
pub fn vmq_output(arguments: &[&str]) -> Output {
    let binary = vmq_binary();
    Command::new(binary)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()))
}

/// The release binary: `VMQ_BIN` if set, else built now by cargo, which is quick when it is current.
///
/// # Panics
///
/// If it does not build.
pub fn vmq_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("VMQ_BIN") {
            return path.into();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "build",
                "--release",
                "--package",
                "vmqd",
                "--message-format",
                "json",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "the release binary does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the binary it built")
    })
}
