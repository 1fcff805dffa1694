//! A switch with its guests, attached as VMMs attach them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use switch::policy::PortPolicy;
use testkit::frontend::Frontend;
use testkit::guest::{Guest, GuestOptions};
use vmq::{Mac, VlanTest};

use super::DemoError;
use crate::config::{AddressFilter, Config, PortConfig, SwitchConfig};
use crate::control::StatusView;
use crate::live::Live;

/// A guest's receive buffers. They hold more jumbo frames than a TCP window has, so that a guest whose
/// thread has to wait for a core does not run out of them.
pub(super) const RECEIVE_BUFFERS: u16 = 512;
pub(super) const BUFFER_SIZE: u32 = 4096;

const GUEST: GuestOptions = GuestOptions {
    memory: 64 << 20,
    ring_size: RECEIVE_BUFFERS,
    packed: false,
    buffer_size: BUFFER_SIZE,
    mergeable: true,
    indirect: true,
    event_idx: true,
    pairs: 1,
    offloads: 0,
};

/// How long a step of an attachment may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A guest and the connection that keeps it attached.
pub(super) struct Attached {
    pub(super) guest: Guest,
    _frontend: Frontend,
}

/// A running switch. The guests are given away.
pub(super) struct Lab {
    live: Live,
}

impl Lab {
    /// Starts a switch with a port for each list of `filters`, and a guest on each port. What a capture has comes from anywhere, so
    /// guests may send from any address.
    pub(super) fn set_up(
        filters: Vec<Vec<AddressFilter>>,
    ) -> Result<(Self, Vec<Attached>), DemoError> {
        // Once everything is attached nobody needs the sockets, so no way of ending leaves them behind.
        let scratch = tempfile::Builder::new()
            .prefix("vmq-demo-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir();
        let scratch = scratch.map_err(DemoError::Directory)?;
        let dir = scratch.path().to_path_buf();
        let ports = filters
            .into_iter()
            .enumerate()
            .map(|(number, filters)| PortConfig {
                filters,
                policy: PortPolicy {
                    mac_spoofing: Some(true),
                    ..PortPolicy::default()
                },
                ..PortConfig::named(&format!("guest{number}"))
            });
        let config = Config {
            switch: SwitchConfig {
                dir,
                ..SwitchConfig::default()
            },
            ports: ports.collect(),
            ..Config::default()
        };
        let live = Live::start(config.clone(), None)?;
        let attach = |(number, port): (usize, &PortConfig)| {
            let guest = Guest::new(GUEST).map_err(|error| DemoError::Guest { number, error })?;
            let failed = |error| DemoError::Attach { number, error };
            let mut frontend = Frontend::connect(config.socket(port), PATIENCE).map_err(failed)?;
            frontend.attach(&guest).map_err(failed)?;
            Ok(Attached {
                guest,
                _frontend: frontend,
            })
        };
        let guests = config
            .ports
            .iter()
            .enumerate()
            .map(attach)
            .collect::<Result<_, DemoError>>()?;
        Ok((Self { live }, guests))
    }

    pub(super) fn status(&self) -> StatusView {
        self.live.status()
    }
}

/// The address of guest `number`.
pub(super) fn mac_of(number: usize) -> Mac {
    Mac([
        0x02,
        0,
        0,
        0,
        0,
        u8::try_from(number + 1).unwrap_or(u8::MAX),
    ])
}

/// Assigns every frame to `mac`, whatever its VLAN.
pub(super) fn filter_for(mac: Mac) -> AddressFilter {
    AddressFilter {
        mac,
        vlan: VlanTest::Any,
    }
}
