//! Where the HTTP API listens beside the control socket, and who may use it there.

use std::net::SocketAddr;

use super::{Judge, Path};
use crate::config::wanted::ApiConfig;
use crate::control::Token;

/// The API on TCP.
#[derive(Debug)]
pub(crate) struct ApiPlan {
    /// A loopback address; port 0 is any that is free.
    pub(crate) listen: SocketAddr,
    pub(crate) token: Token,
}

/// What is wrong: with which key, what, and what to do.
type Objection = (&'static str, String, String);

impl Judge<'_> {
    pub(super) fn api(&mut self) {
        if let Some(api) = &self.config.api
            && let Err(objections) = api.plan()
        {
            let path = Path::default().key("api");
            for (key, problem, remedy) in objections {
                let path = match key {
                    "" => path.clone(),
                    key => path.clone().key(key),
                };
                self.object(path, problem, remedy);
            }
        }
    }
}

impl ApiConfig {
    /// What it comes to. The token is read.
    pub(crate) fn plan(&self) -> Result<ApiPlan, Vec<Objection>> {
        let objection = |key, problem: &str, remedy: &str| {
            Err(vec![(key, problem.to_owned(), remedy.to_owned())])
        };
        match (&self.listen, &self.token_file) {
            (None, None) => objection(
                "",
                "the table is empty",
                "add listen and token_file, or remove it",
            ),
            (Some(_), None) => objection(
                "listen",
                "there is no token",
                "name its file with token_file (or --api-token): on TCP nobody may ask without one",
            ),
            (None, Some(_)) => objection(
                "token_file",
                "there is no address to listen on",
                "name it with listen (or --api), such as 127.0.0.1:8080",
            ),
            (Some(address), Some(file)) => {
                let token = Token::read(file)
                    .map_err(|error| ("token_file", error.to_string(), error.remedy()));
                match (loopback(address), token) {
                    (Ok(listen), Ok(token)) => Ok(ApiPlan { listen, token }),
                    (listen, token) => {
                        Err([listen.err(), token.err()].into_iter().flatten().collect())
                    }
                }
            }
        }
    }
}

/// Only this machine may ask: what goes over the net is neither encrypted nor bound to anybody.
fn loopback(text: &str) -> Result<SocketAddr, Objection> {
    const REMEDY: &str =
        "write a loopback address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    let problem = match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => return Ok(address),
        Ok(address) => format!("{} is no address of this machine alone", address.ip()),
        Err(_) => format!("`{text}` is no address with a port"),
    };
    Err(("listen", problem, REMEDY.to_owned()))
}
