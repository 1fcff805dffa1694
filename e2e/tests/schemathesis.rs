//! The API against its own document: schemathesis makes requests from the OpenAPI document that the switch serves, valid ones,
//! invalid ones and sequences of both, and judges each answer by it.
//!
//! A 5xx, a status, a media type or a header that is not documented, an answer that does not fit its schema, an invalid request
//! that is taken or a valid one that is refused: each is a failure. Whatever has become of the switch by then, it can be made
//! another, and two machines that are plugged into that talk and lose nothing.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use e2e::{Api, Bystanders, PortConfig, Process, Scratch, Switch, Watchdog};
use serde_json::{Value, json};

/// Requests of each sort to each operation: some eight thousand in all, about a minute of a machine with two CPUs.
const EXAMPLES: u32 = 200;

/// So that a run can be repeated.
const SEED: u32 = 1;

/// How long it may take before something is wrong.
const LIMIT: Duration = Duration::from_secs(15 * 60);

#[test]
fn the_api_is_what_its_document_says() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let ports = ["left", "right", "spare"].map(PortConfig::listening);
    let (mut switch, api) = Switch::start_with_api(&scratch, &ports);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("../target/schemathesis/bin/schemathesis");
    assert!(
        program.exists(),
        "schemathesis is missing: run `cargo xtask setup`"
    );
    let settings = root.join("schemathesis/schemathesis.toml");
    let arguments = [
        "--config-file".to_owned(),
        settings.to_string_lossy().into_owned(),
        "run".to_owned(),
        format!("http://{}/v1/openapi.json", api.address),
        format!("--header=Authorization: Bearer {}", api.token),
        format!("--max-examples={EXAMPLES}"),
        format!("--seed={SEED}"),
        "--generation-database=none".to_owned(),
        "--checks=all".to_owned(),
        "--no-color".to_owned(),
        "--continue-on-failure".to_owned(),
    ];
    let program = program.to_string_lossy();
    let mut fuzzer = Process::spawn(
        &scratch,
        "schemathesis",
        &program,
        &arguments,
        Stdio::null(),
    );
    let ended = fuzzer.wait(LIMIT);
    let said = fuzzer.log();
    println!("{said}");
    assert!(ended.success(), "schemathesis found something, see above");
    // All of them, but for the document itself, which it has read to begin with.
    let operations = operations_of(&api.read("/v1/openapi.json")) - 1;
    let tested = format!("Tested: {operations}\n");
    assert!(said.contains(&tested), "{operations} operations are tried");

    switch.assert_alive();
    begin_again(&api);
    let bystanders = Bystanders::start(&switch, "left", "right");
    bystanders.assert_going_on();
    bystanders.assert_unharmed();
    let status = switch.status();
    let workers = status["workers"].as_array().expect("workers");
    assert!(
        workers.iter().all(|worker| worker["panics"] == 0),
        "{status}"
    );
    assert!(!switch.log().contains("panicked"), "{}", switch.log());
    assert!(switch.stop().success(), "the switch ends in peace");
}

/// Two ports in the network that is always there, and nothing else.
fn begin_again(api: &Api) {
    const PATCH: &str = "application/merge-patch+json";
    const JSON: &str = "application/json";
    let change = |line: &str, body: Option<(&str, &Value)>, wanted| {
        let (status, says) = api.change(line, body);
        assert_eq!(status, wanted, "{line}: {says}");
    };
    let names = |of: &str| -> Vec<String> {
        let list = api.read(&format!("/v1/{of}"));
        let items = list[of].as_array().expect("a list").iter();
        items
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let ports = names("ports");
    // A port that another is mirrored to stays.
    for name in &ports {
        let no_mirror = json!({ "mirror": null });
        change(
            &format!("PATCH /v1/ports/{name}"),
            Some((PATCH, &no_mirror)),
            200,
        );
    }
    for name in &ports {
        change(&format!("DELETE /v1/ports/{name}"), None, 204);
    }
    for name in names("networks").iter().filter(|name| *name != "default") {
        change(&format!("DELETE /v1/networks/{name}"), None, 204);
    }
    change("PUT /v1/networks/default", Some((JSON, &json!({}))), 200);
    for name in ["left", "right"] {
        change(
            "POST /v1/ports",
            Some((JSON, &json!({ "name": name }))),
            201,
        );
    }
}

/// How many operations a document describes.
fn operations_of(document: &Value) -> usize {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.values().flat_map(|path| path.as_object());
    operations
        .flat_map(|path| path.values())
        .filter(|operation| operation["operationId"].is_string())
        .count()
}
