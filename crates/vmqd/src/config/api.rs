//! Where the HTTP API listens beside the control socket, and who may use it there.

use std::net::SocketAddr;
use std::path::Path;

use toml::Spanned;

use super::judge::{Judge, Place};
use super::schema;
use crate::cli::RunArgs;
use crate::control::Token;

/// The API on TCP.
#[derive(Debug)]
pub(crate) struct ApiPlan {
    /// A loopback address; port 0 is any that is free.
    pub(crate) listen: SocketAddr,
    pub(crate) token: Token,
}

impl Judge<'_> {
    pub(super) fn api(
        &mut self,
        args: &RunArgs,
        in_file: Option<Spanned<schema::Api>>,
    ) -> Option<ApiPlan> {
        let (mut listen, mut token_file) = (None, None);
        let mut header = Place::Option("--api");
        if let Some(api) = in_file {
            header = Place::File(api.span());
            let schema::Api {
                listen: address,
                token_file: file,
            } = api.into_inner();
            let beside = args
                .config
                .as_deref()
                .and_then(Path::parent)
                .unwrap_or(Path::new(""));
            let located = |text: Spanned<String>| (Place::File(text.span()), text.into_inner());
            listen = address.map(located);
            token_file = file.map(|path| {
                let (place, path) = located(path);
                (place, beside.join(path))
            });
        }
        if let Some(address) = &args.api {
            listen = Some((Place::Option("--api"), address.clone()));
        }
        if let Some(path) = &args.api_token {
            token_file = Some((Place::Option("--api-token"), path.clone()));
        }
        match (listen, token_file) {
            (None, None) => {
                if matches!(header, Place::File(_)) {
                    self.object(
                        &header,
                        "api",
                        "the table is empty",
                        "add listen and token_file, or remove it",
                    );
                }
                None
            }
            (Some((place, _)), None) => {
                let remedy = "name its file with token_file (or --api-token): on TCP nobody may ask without one";
                self.object(&place, "api.listen", "there is no token", remedy);
                None
            }
            (None, Some((place, _))) => {
                let remedy = "name it with listen (or --api), such as 127.0.0.1:8080";
                self.object(
                    &place,
                    "api.token_file",
                    "there is no address to listen on",
                    remedy,
                );
                None
            }
            (Some((at_address, address)), Some((at_file, file))) => {
                let listen = self.loopback(&at_address, &address);
                let token = Token::read(&file).map_err(|error| {
                    self.object(
                        &at_file,
                        "api.token_file",
                        error.to_string(),
                        error.remedy(),
                    );
                });
                Some(ApiPlan {
                    listen: listen?,
                    token: token.ok()?,
                })
            }
        }
    }

    /// Only this machine may ask: what goes over the net is neither encrypted nor bound to anybody.
    fn loopback(&mut self, place: &Place, text: &str) -> Option<SocketAddr> {
        const REMEDY: &str =
            "write a loopback address and a port, such as 127.0.0.1:8080 or [::1]:8080";
        let problem = match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => return Some(address),
            Ok(address) => format!("{} is no address of this machine alone", address.ip()),
            Err(_) => format!("`{text}` is no address with a port"),
        };
        self.object(place, "api.listen", problem, REMEDY);
        None
    }
}
