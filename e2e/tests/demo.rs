//! `vmq demo`: the README's first command, as a person runs it.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::{Watchdog, vmq_output};
use serde_json::Value;

#[test]
fn the_demo_proves_what_it_says() {
    let _watchdog = Watchdog::arm(Duration::from_secs(120));
    let output = vmq_output(&["demo", "--json", "--seconds", "3"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout).expect("--json prints JSON");
    assert_eq!(report["lost"], 0, "{report}");
    assert_eq!(report["altered"], 0, "{report}");
    let copies = report["copies_per_frame"].as_f64().expect("a ratio");
    assert!(
        (1.0..=1.1).contains(&copies),
        "a frame is copied once: {report}"
    );
}
