//! The router in this process, with a switch that runs behind it.

mod client;
mod events;
mod settings;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::openapi::{self, parameters_of};
use super::problem::{Kind, PROBLEM_JSON};
use super::{Token, guard, routes};
use crate::config::{AddressFilter, Config, PortConfig, SwitchConfig};
use crate::live::Live;

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

/// A switch with the ports `p0`, which has an address, and `p1`, and the API in front of it.
struct Scene {
    live: Arc<Live>,
    router: Router,
    runtime: tokio::runtime::Runtime,
    document: Value,
    dir: TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Scene {
    fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = |name: &str, filters: Vec<AddressFilter>| PortConfig {
            filters,
            ..PortConfig::named(name)
        };
        let filter = AddressFilter {
            mac: vmq::Mac([0x52, 0x54, 0, 0, 0, 0x10]),
            vlan: vmq::VlanTest::Any,
        };
        let config = Config {
            switch: SwitchConfig {
                dir: dir.path().into(),
                ..SwitchConfig::default()
            },
            ports: vec![port("p0", vec![filter]), port("p1", Vec::new())],
            ..Config::default()
        };
        let live = Arc::new(Live::start(config, None).unwrap());
        Self {
            router: routes::router(live.clone()),
            live,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            document: openapi::document(&routes::operations()),
            dir,
        }
    }

    /// The answer. Its status and media type have to be documented.
    fn send(&self, request: Request<Body>) -> Answer {
        let described = self.described(request.method(), request.uri().path());
        let (parts, body) = self.start(request).into_parts();
        let body = self.runtime.block_on(body.collect());
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.unwrap().to_bytes().into(),
        };
        if let Some(operation) = described {
            let id = &operation["operationId"];
            let mut response = &operation["responses"][answer.status.as_str()];
            assert!(
                response.is_object(),
                "{id}: {} is not documented",
                answer.status
            );
            if let Some(reference) = response["$ref"].as_str() {
                response = self.document.pointer(&reference[1..]).unwrap();
            }
            let is_documented = match answer.headers.contains_key(header::CONTENT_TYPE) {
                true => response["content"][answer.media_type()].is_object(),
                false => response["content"].is_null(),
            };
            assert!(
                is_documented,
                "{id}: {:?} of {}",
                answer.headers, answer.status
            );
            for (name, _) in response["headers"].as_object().into_iter().flatten() {
                assert!(answer.headers.contains_key(name), "{id}: no {name}");
            }
        }
        answer
    }

    /// What the document says of a request, if it knows it.
    fn described(&self, method: &Method, path: &str) -> Option<&Value> {
        let fits = |known: &String| {
            let [known, path] = [known, path].map(|path| path.split('/').collect::<Vec<_>>());
            let is_part = |(known, part): (&&str, &&str)| known.starts_with('{') || known == part;
            known.len() == path.len() && known.iter().zip(&path).all(is_part)
        };
        let paths = self.document["paths"].as_object().unwrap();
        let (_, operations) = paths.iter().find(|(known, _)| fits(known))?;
        operations.get(method.as_str().to_ascii_lowercase())
    }

    /// The response as it begins.
    fn start(&self, request: Request<Body>) -> Response {
        let response = self.router.clone().oneshot(request);
        self.runtime.block_on(response).unwrap()
    }

    fn ask(&self, method: &Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Body::empty()).unwrap())
    }

    /// What is at `path`.
    fn read(&self, path: &str) -> Value {
        let answer = self.ask(&Method::GET, path);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, StatusCode::OK, "{path}: {text}");
        answer.json()
    }
}

impl Answer {
    fn media_type(&self) -> &str {
        self.headers[header::CONTENT_TYPE].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem that it tells of, whole.
    fn assert_problem(&self, kind: Kind) -> Value {
        assert_eq!(
            (self.status, self.media_type()),
            (kind.status(), PROBLEM_JSON)
        );
        let problem = self.json();
        assert_eq!(problem["type"], kind.urn());
        assert_eq!(problem["title"], kind.title());
        assert_eq!(problem["status"], kind.status().as_u16());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

/// A path of the document with a name in the place of its parameter.
fn filled(path: &str) -> String {
    parameters_of(path).fold(path.to_owned(), |path, parameter| {
        let name = match parameter {
            "network" => "default",
            "filter" => "p0,52:54:00:00:00:10,any",
            _ => "p0",
        };
        path.replace(&format!("{{{parameter}}}"), name)
    })
}

#[test]
fn every_documented_operation_is_routed_and_no_other() {
    let scene = Scene::set();
    let document = scene.read("/v1/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    let routed: BTreeSet<_> = routes::operations()
        .iter()
        .map(|operation| operation.path)
        .collect();
    assert_eq!(routed, paths.keys().map(String::as_str).collect());
    for (path, operations) in paths {
        let mut allowed: BTreeSet<_> = METHODS
            .into_iter()
            .filter(|method| operations[method.as_str().to_ascii_lowercase()].is_object())
            .map(|method| method.to_string())
            .collect();
        assert!(!allowed.is_empty(), "{path}");
        if allowed.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        for method in METHODS {
            let answer = scene.ask(&method, &filled(path));
            if allowed.contains(method.as_str()) {
                assert_ne!(
                    answer.status,
                    StatusCode::METHOD_NOT_ALLOWED,
                    "{method} {path}"
                );
                // A port may be gone by now; its path is not.
                let says = String::from_utf8_lossy(&answer.body);
                assert!(
                    !says.contains("there is nothing at"),
                    "{method} {path}: {says}"
                );
            } else {
                assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
                if method != Method::HEAD {
                    answer.assert_problem(Kind::MethodNotAllowed);
                }
                let said = answer.headers[header::ALLOW].to_str().unwrap();
                let said: BTreeSet<_> = said.split(',').map(str::to_owned).collect();
                assert_eq!(said, allowed, "{method} {path}");
            }
        }
    }
}

#[test]
fn what_the_document_refers_to_is_in_it() {
    fn follow(value: &Value, document: &Value, count: &mut usize) {
        if let Some(reference) = value["$ref"].as_str() {
            let pointer = reference
                .strip_prefix('#')
                .expect("a place in the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
            *count += 1;
        }
        let members = value
            .as_object()
            .into_iter()
            .flat_map(|object| object.values());
        for value in members.chain(value.as_array().into_iter().flatten()) {
            follow(value, document, count);
        }
    }
    let document = openapi::document(&routes::operations());
    let mut count = 0;
    follow(&document, &document, &mut count);
    assert!(count > 20);
    let ids: Vec<_> = routes::operations()
        .iter()
        .map(|operation| operation.id)
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn head_is_get_without_a_body() {
    let scene = Scene::set();
    let [whole, head] = [Method::GET, Method::HEAD].map(|method| scene.ask(&method, "/v1/queues"));
    assert_eq!(
        (whole.status, head.status),
        (StatusCode::OK, StatusCode::OK)
    );
    assert_eq!(whole.headers, head.headers);
    assert!(!whole.body.is_empty() && head.body.is_empty());
}

#[test]
fn the_status_is_the_switchs_own() {
    let scene = Scene::set();
    let mut said = scene.read("/v1/status");
    let mut own = serde_json::to_value(scene.live.status()).unwrap();
    // The one thing that may change between the two.
    said["uptime_seconds"] = Value::Null;
    own["uptime_seconds"] = Value::Null;
    assert_eq!(said, own);
    let port = scene.read("/v1/ports/p1/status");
    assert_eq!(port, said["ports"][1]);
}

#[test]
fn queues_filters_and_counters_are_those_of_the_ports() {
    let scene = Scene::set();
    let mac = json!({ "mac": "52:54:00:00:00:10", "vlan": null, "is_learned": false });
    let queues = scene.read("/v1/queues");
    let [first, second] = &queues["queues"].as_array().unwrap()[..] else {
        panic!("two ports have two queues: {queues}")
    };
    assert_eq!(
        (&first["port"], &second["port"]),
        (&json!("p0"), &json!("p1"))
    );
    assert_eq!(first["filters"], json!([mac]));
    let one = scene.read("/v1/queues/p0");
    assert_eq!(one, *first);

    let filter = json!({
        "id": "p0,52:54:00:00:00:10,any", "port": "p0",
        "mac": "52:54:00:00:00:10", "is_learned": false
    });
    for (query, filters) in [
        ("", json!([filter])),
        ("?port=p0", json!([filter])),
        ("?port=p1", json!([])),
    ] {
        let path = format!("/v1/filters{query}");
        assert_eq!(scene.read(&path)["filters"], filters);
    }

    let counters = scene.read("/v1/counters");
    let one = scene.read("/v1/counters/p1");
    assert!(one["at_ns"].as_u64() > counters["at_ns"].as_u64());
    assert_eq!(one["to_guest"], json!({ "frames": 0, "bytes": 0 }));
    assert_eq!(counters["ports"]["p1"]["drops"], one["drops"]);
    assert_eq!(counters["workers"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let scene = Scene::set();
    for operation in [
        "/v1/ports/{port}/status",
        "/v1/queues/{port}",
        "/v1/counters/{port}",
    ] {
        let path = operation.replace("{port}", "p%32");
        let answer = scene.ask(&Method::GET, &path);
        let problem = answer.assert_problem(Kind::NotFound);
        assert_eq!(problem["detail"], "the switch has no port `p2`");
        assert_eq!(problem["remedy"], "it has p0, p1");
    }
    let problem = scene
        .ask(&Method::GET, "/v1/statsu")
        .assert_problem(Kind::NotFound);
    assert_eq!(problem["detail"], "there is nothing at /v1/statsu");
    assert!(problem["remedy"].as_str().unwrap().contains("/v1/status, "));
}

#[test]
fn what_cannot_be_read_is_malformed() {
    let scene = Scene::set();
    for (path, says) in [
        (
            "/v1/filters?prot=p0",
            "unknown field `prot`, expected `port`",
        ),
        ("/v1/filters?port=a&port=b", "duplicate field `port`"),
        ("/v1/status?x", "unknown field `x`"),
        ("/v1/queues/%ff", "the path is no text"),
    ] {
        let problem = scene
            .ask(&Method::GET, path)
            .assert_problem(Kind::Malformed);
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{path}: {problem}"
        );
    }
}

#[test]
fn only_who_shows_the_token_is_answered() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let mut scene = Scene::set();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, TOKEN).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let token = Token::read(&path).unwrap();
    let layer = axum::middleware::from_fn_with_state(token, guard::guard);
    scene.router = scene.router.layer(layer);
    let ask = |values: &[&str], path: &str| {
        let mut request = Request::builder().uri(path);
        for value in values {
            request = request.header(header::AUTHORIZATION, *value);
        }
        scene.send(request.body(Body::empty()).unwrap())
    };
    let right = format!("Bearer {TOKEN}");
    for shown in [right.clone(), format!("bearer   {TOKEN}")] {
        assert_eq!(ask(&[&shown], "/v1/queues").status, StatusCode::OK);
        assert_eq!(ask(&[&shown], "/nowhere").status, StatusCode::NOT_FOUND);
    }
    let wrong = [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        "Bearer 0",
        "Basic dm1xOnZtcQ==",
    ];
    let shorter = &right[..right.len() - 1];
    for shown in wrong
        .iter()
        .chain([&shorter, &format!("{right}0").as_str()])
    {
        for path in ["/v1/queues", "/v1/openapi.json", "/nowhere"] {
            let answer = ask(&[shown], path);
            answer.assert_problem(Kind::Unauthorized);
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert_eq!(answer.headers[header::CONNECTION], "close");
        }
    }
    ask(&[], "/v1/queues").assert_problem(Kind::Unauthorized);
    ask(&[&right, &right], "/v1/queues").assert_problem(Kind::Unauthorized);
}

#[test]
fn every_answer_is_of_the_type_that_is_documented() {
    let scene = Scene::set();
    let operations = routes::operations().into_iter();
    for operation in operations.filter(|operation| operation.method == Method::GET) {
        let answer = scene.ask(&Method::GET, &filled(operation.path));
        let (media_type, _) = operation.answers[0];
        assert_eq!(
            (answer.status, answer.media_type()),
            (StatusCode::OK, media_type),
            "{}",
            operation.path
        );
    }
}

#[test]
fn the_documentation_has_every_path_and_every_problem() {
    let page = include_str!("../../../../../docs/api.md");
    for operation in routes::operations() {
        assert!(
            page.contains(&format!("`{}`", operation.path)),
            "{}",
            operation.path
        );
    }
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `urn:"));
    let documented: Vec<_> = rows
        .filter_map(|row| row.split_once(" | "))
        .map(|(urn, rest)| {
            (
                format!("urn:{}", urn.trim_end_matches('`')),
                rest[..3].to_owned(),
            )
        })
        .collect();
    let known = Kind::ALL.map(|kind| (kind.urn(), kind.status().as_str().to_owned()));
    assert_eq!(documented, known);
}

#[test]
fn metrics_are_the_counters_under_names_of_their_own() {
    let scene = Scene::set();
    let answer = scene.ask(&Method::GET, "/metrics");
    let text = String::from_utf8(answer.body).unwrap();
    let has = |line: &str| text.lines().any(|found| found == line);
    assert!(has("vmq_port_up{port=\"p0\"} 0"), "{text}");
    assert!(has("# TYPE vmq_port_drops counter"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");

    // Every number among the counters is a metric, whatever is added to them.
    let counters = scene.read("/v1/counters");
    for (key, value) in counters["ports"]["p0"].as_object().unwrap() {
        let lines = match value.as_object() {
            // One metric for each rule, and the port has none.
            None if key == "rules" => vec!["# TYPE vmq_port_rule_frames counter".to_owned()],
            None => vec![format!("vmq_port_{key}_total{{port=\"p0\"}} 0")],
            Some(reasons) if key == "drops" => reasons
                .keys()
                .map(|reason| format!("vmq_port_drops_total{{port=\"p0\",reason=\"{reason}\"}} 0"))
                .collect(),
            Some(parts) => parts
                .keys()
                .map(|part| format!("vmq_port_{key}_{part}_total{{port=\"p0\"}} 0"))
                .collect(),
        };
        for line in lines {
            assert!(has(&line), "{line} is not in {text}");
        }
    }
    for key in counters["workers"][0].as_object().unwrap().keys() {
        // Which worker and what it has is no count.
        if !["cpu", "rings"].contains(&key.as_str()) {
            let name = key.replace("_ns", "_nanoseconds");
            let start = format!("vmq_worker_{name}_total{{worker=\"0\"}} ");
            assert!(
                text.lines().any(|line| line.starts_with(&start)),
                "{start}: {text}"
            );
        }
    }
}
