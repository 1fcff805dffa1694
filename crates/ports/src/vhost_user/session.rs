//! One frontend's connection: the backend side of the vhost-user protocol.
//!
//! Every message that changes memory or a ring stops the rings it concerns first, and is answered
//! when every worker has acknowledged that (vhost-user specification, "Ring states" and REPLY_ACK).

use std::any::Any;
use std::fs::File;
use std::sync::Arc;

use shmem::GuestMemory;
use switch::{MAX_PAIRS, PortId, Switch, ToGuest};
use vhost::vhost_user::message::*;
use vhost::vhost_user::{Error, GpuBackend, Result, VhostUserBackendReqHandlerMut};
use virtq::Ring;

use super::eventfd::{Kick, checked};
use super::features::{self, MAX_REGIONS, MRG_RXBUF, MTU, OFFERED, OFFERED_PROTOCOL, VERSION_1};
use super::from_guest::FromGuestRing;
use super::memory::{Memory, Place};
use super::to_guest::ToGuestRing;
use super::vring::{Addresses, Vring};

/// Virtqueues that carry frames: receive and transmit queue of each pair in turn (virtio 1.2 5.1.2).
///
/// This is also the answer to GET_QUEUE_NUM. The specification leaves open whether queues or pairs are
/// counted: Cloud Hypervisor and crosvm count queues, and would have half of them if pairs were answered;
/// QEMU counts pairs, but only compares with what it was told to have, and DPDK does not ask.
const FRAME_QUEUES: usize = 2 * MAX_PAIRS;

/// With the place of a control queue behind the last pair, for frontends that set every queue up that
/// their device has. Nobody uses it: VIRTIO_NET_F_CTRL_VQ is the frontend's own to offer and to serve.
const QUEUES: usize = FRAME_QUEUES + 1;

/// The state of one connection.
pub(super) struct Session {
    switch: Arc<Switch>,
    port: PortId,
    offered: u64,
    features: u64,
    protocol: VhostUserProtocolFeatures,
    memory: Memory,
    vrings: [Vring; QUEUES],
    /// Running receive queues, by pair.
    to_guest: [Option<Arc<ToGuestRing>>; MAX_PAIRS],
    had_memory: bool,
    refusal: Option<String>,
}

impl Session {
    pub(super) fn new(switch: Arc<Switch>, port: PortId) -> Self {
        let mtu = if switch.mtu(port).is_some() { MTU } else { 0 };
        Self {
            switch,
            port,
            offered: OFFERED | mtu,
            features: 0,
            protocol: VhostUserProtocolFeatures::empty(),
            memory: Memory::default(),
            vrings: std::array::from_fn(|_| Vring::default()),
            to_guest: Default::default(),
            had_memory: false,
            refusal: None,
        }
    }

    /// Why the session refused the message that ended it.
    pub(super) fn take_refusal(&mut self) -> Option<String> {
        self.refusal.take()
    }

    /// True when the frontend negotiated but never shared memory with us.
    pub(super) fn never_shared_memory(&self) -> bool {
        self.features != 0 && !self.had_memory
    }

    /// Ends the session: rings stopped, memory let go.
    pub(super) fn end(&mut self) {
        self.stop_all();
        self.memory.clear(&self.switch);
    }

    /// SET_VRING_ENABLE before SET_FEATURES. Once features are set without protocol features, enabling is
    /// refused as a violation.
    pub(super) fn enable_early(&mut self, index: u32, enable: bool) -> Result<()> {
        if self.features != 0 {
            return Err(
                self.refuse("it enables a virtqueue without having accepted protocol features")
            );
        }
        let (_, vring) = self.vring(index)?;
        vring.is_enabled = enable;
        Ok(())
    }

    /// NET_SET_MTU: what the frontend tells its guest.
    pub(super) fn set_mtu(&mut self, mtu: u64) -> Result<()> {
        if !self.protocol.contains(VhostUserProtocolFeatures::MTU) {
            return Err(self.refuse("it sets an MTU without having accepted the protocol feature"));
        }
        match u16::try_from(mtu)
            .ok()
            .filter(|mtu| *mtu >= switch::MIN_MTU)
        {
            Some(mtu) => self.switch.tell_mtu(self.port, mtu),
            None => {
                return Err(self.refuse(format!(
                    "it sets an MTU of {mtu}: {} to 65535 are possible",
                    switch::MIN_MTU
                )));
            }
        }
        Ok(())
    }

    /// Whether messages that ask for it are acknowledged.
    pub(super) fn acknowledges(&self) -> bool {
        self.protocol.contains(VhostUserProtocolFeatures::REPLY_ACK)
    }

    fn refuse(&mut self, reason: impl Into<String>) -> Error {
        self.refusal = Some(reason.into());
        Error::InvalidParam
    }

    fn vring(&mut self, index: u32) -> Result<(usize, &mut Vring)> {
        let at = index as usize;
        if at < self.vrings.len() {
            return Ok((at, &mut self.vrings[at]));
        }
        Err(self.refuse(format!(
            "virtqueue {index} does not exist: the port has {FRAME_QUEUES}, in {MAX_PAIRS} pairs"
        )))
    }

    /// Starts every ring that is ready and does not run.
    fn start_ready(&mut self) -> Result<()> {
        let Some(memory) = self.memory.guest().cloned() else {
            return Ok(());
        };
        for at in 0..FRAME_QUEUES {
            if self.vrings[at].is_running || !self.vrings[at].is_ready(self.features) {
                continue;
            }
            let (pair, is_receive) = (at / 2, is_receive(at));
            let ring = match self.vrings[at].open(self.features, &memory) {
                None => continue,
                Some(Ok(ring)) => ring,
                Some(Err(error)) => {
                    let name = if is_receive { "receive" } else { "transmit" };
                    return Err(self.refuse(format!("its {name} queue cannot be started: {error}")));
                }
            };
            if is_receive {
                self.start_to_guest(pair, ring, memory.clone());
            } else {
                self.start_from_guest(pair, ring, memory.clone())?;
            }
            self.vrings[at].is_running = true;
        }
        Ok(())
    }

    fn start_to_guest(&mut self, pair: usize, ring: Ring, memory: Arc<GuestMemory>) {
        let call = self.vrings[2 * pair].call.clone();
        let mergeable = self.features & MRG_RXBUF != 0;
        let ring = Arc::new(ToGuestRing::new(
            ring,
            memory,
            call,
            mergeable,
            features::to_guest_offloads(self.features),
        ));
        self.to_guest[pair] = Some(ring.clone());
        self.switch.start_to_guest(self.port, pair, ring);
    }

    fn start_from_guest(
        &mut self,
        pair: usize,
        ring: Ring,
        memory: Arc<GuestMemory>,
    ) -> Result<()> {
        let has_posted = |ring: &Arc<ToGuestRing>| ring.posted() > 0;
        let memory_is_blank =
            !self.to_guest.iter().flatten().any(has_posted) && self.memory.is_blank();
        let vring = &mut self.vrings[2 * pair + 1];
        let Some(kick) = vring.kick.take() else {
            return Ok(());
        };
        let ring = FromGuestRing::new(
            ring,
            memory,
            memory_is_blank,
            features::from_guest_offloads(self.features),
            kick,
            vring.call.clone(),
        );
        let started = self
            .switch
            .start_from_guest(self.port, pair, Box::new(ring));
        started
            .map_err(|error| self.refuse(format!("its kick eventfd cannot be waited for: {error}")))
    }

    /// Stops one ring and keeps where it stood. Back when no worker touches it any more.
    fn stop(&mut self, at: usize) {
        let vring = &mut self.vrings[at];
        if !std::mem::take(&mut vring.is_running) {
            return;
        }
        let pair = at / 2;
        if is_receive(at) {
            self.switch.stop_to_guest(self.port, pair);
            if let Some(ring) = self.to_guest[pair].take() {
                vring.base = ring.base();
            }
        } else if let Some(ring) = self.switch.stop_from_guest(self.port, pair) {
            let ring: Box<dyn Any> = ring;
            if let Ok(ring) = ring.downcast::<FromGuestRing>() {
                let (base, kick) = ring.finish();
                vring.base = base;
                vring.kick = Some(kick);
            }
        }
    }

    /// Stops every ring, the transmit queues first: what they hold is not worth waiting for.
    fn stop_all(&mut self) {
        for at in (1..FRAME_QUEUES)
            .step_by(2)
            .chain((0..FRAME_QUEUES).step_by(2))
        {
            self.stop(at);
        }
    }

    fn reset(&mut self) {
        self.stop_all();
        self.vrings = std::array::from_fn(|_| Vring::default());
    }

    fn with_memory(
        &mut self,
        change: impl FnOnce(&mut Memory, &Switch) -> std::result::Result<(), String>,
    ) -> Result<()> {
        self.stop_all();
        let changed = change(&mut self.memory, &self.switch);
        changed.map_err(|reason| self.refuse(reason))?;
        self.had_memory |= self.memory.guest().is_some();
        self.start_ready()
    }
}

impl VhostUserBackendReqHandlerMut for Session {
    fn set_owner(&mut self) -> Result<()> {
        Ok(())
    }

    fn reset_owner(&mut self) -> Result<()> {
        self.reset();
        Ok(())
    }

    fn reset_device(&mut self) -> Result<()> {
        self.reset();
        Ok(())
    }

    fn get_features(&mut self) -> Result<u64> {
        Ok(self.offered)
    }

    fn set_features(&mut self, features: u64) -> Result<()> {
        if features & !self.offered != 0 {
            return Err(self.refuse(format!(
                "it accepted features that were not offered ({:#x})",
                features & !self.offered
            )));
        }
        // QEMU says it once more for each pair, while those before it run already.
        if features != self.features {
            self.stop_all();
            self.features = features;
        }
        self.start_ready()
    }

    fn get_protocol_features(&mut self) -> Result<VhostUserProtocolFeatures> {
        Ok(OFFERED_PROTOCOL)
    }

    fn set_protocol_features(&mut self, features: u64) -> Result<()> {
        if features & !OFFERED_PROTOCOL.bits() != 0 {
            return Err(self.refuse(format!(
                "it accepted protocol features that were not offered ({features:#x})"
            )));
        }
        self.protocol = VhostUserProtocolFeatures::from_bits_truncate(features);
        Ok(())
    }

    fn get_queue_num(&mut self) -> Result<u64> {
        Ok(FRAME_QUEUES as u64)
    }

    fn set_mem_table(
        &mut self,
        regions: &[VhostUserMemoryRegion],
        files: Vec<File>,
        _postcopy_listening: Option<bool>,
    ) -> Result<Option<Vec<u64>>> {
        let regions = regions.iter().map(Place::from).zip(files).collect();
        let port = self.port;
        self.with_memory(|memory, switch| memory.replace(switch, port, regions))?;
        Ok(None)
    }

    fn get_max_mem_slots(&mut self) -> Result<u64> {
        Ok(MAX_REGIONS as u64)
    }

    fn add_mem_region(
        &mut self,
        region: &VhostUserSingleMemoryRegion,
        file: File,
        _postcopy_listening: Option<bool>,
    ) -> Result<Option<u64>> {
        let (place, port) = (Place::from(region), self.port);
        if !self.memory.claim(place, &file) {
            self.with_memory(|memory, switch| memory.add(switch, port, place, &file))?;
        }
        Ok(None)
    }

    fn remove_mem_region(&mut self, region: &VhostUserSingleMemoryRegion) -> Result<()> {
        let place = Place::from(region);
        if self.memory.unclaim(place) {
            return Ok(());
        }
        self.with_memory(|memory, switch| memory.remove(switch, place))
    }

    fn set_vring_num(&mut self, index: u32, num: u32) -> Result<()> {
        let (at, _) = self.vring(index)?;
        let Ok(size) = u16::try_from(num) else {
            return Err(self.refuse(format!(
                "virtqueue {index} of {num} entries: at most {} are possible",
                virtq::MAX_SIZE
            )));
        };
        self.stop(at);
        self.vrings[at].size = Some(size);
        self.start_ready()
    }

    fn set_vring_addr(
        &mut self,
        index: u32,
        _flags: VhostUserVringAddrFlags,
        descriptors: u64,
        used: u64,
        avail: u64,
        _log: u64,
    ) -> Result<()> {
        let (at, _) = self.vring(index)?;
        self.stop(at);
        self.vrings[at].addresses = Some(Addresses {
            descriptors,
            avail,
            used,
        });
        self.start_ready()
    }

    fn set_vring_base(&mut self, index: u32, base: u32) -> Result<()> {
        let (at, _) = self.vring(index)?;
        self.stop(at);
        self.vrings[at].base = base;
        self.start_ready()
    }

    fn get_vring_base(&mut self, index: u32) -> Result<VhostUserVringState> {
        let (at, _) = self.vring(index)?;
        self.stop(at);
        // A stopped ring starts again at the next SET_VRING_KICK, not before.
        self.vrings[at].kick = None;
        Ok(VhostUserVringState::new(index, self.vrings[at].base))
    }

    fn set_vring_kick(&mut self, index: u8, file: Option<File>) -> Result<()> {
        let (at, _) = self.vring(index.into())?;
        let kick = match file.map(checked).transpose() {
            Ok(fd) => fd.map_or(Kick::Poll, Kick::Fd),
            Err(what) => {
                return Err(self.refuse(format!("the kick fd of virtqueue {index} {what}")));
            }
        };
        if self.features & VERSION_1 == 0 {
            return Err(self.refuse(
                "its driver is a legacy one (VIRTIO_F_VERSION_1 was not accepted): use a modern virtio-net driver",
            ));
        }
        self.stop(at);
        self.vrings[at].kick = Some(kick);
        self.start_ready()
    }

    fn set_vring_call(&mut self, index: u8, file: Option<File>) -> Result<()> {
        let (at, _) = self.vring(index.into())?;
        match file.map(checked).transpose() {
            Ok(fd) => self.vrings[at].call.set(fd),
            Err(what) => {
                return Err(self.refuse(format!("the call fd of virtqueue {index} {what}")));
            }
        }
        Ok(())
    }

    fn set_vring_err(&mut self, _index: u8, _file: Option<File>) -> Result<()> {
        Ok(())
    }

    fn set_vring_enable(&mut self, index: u32, enable: bool) -> Result<()> {
        let (at, vring) = self.vring(index)?;
        vring.is_enabled = enable;
        if !enable {
            self.stop(at);
        }
        self.start_ready()
    }

    fn get_config(
        &mut self,
        _offset: u32,
        _size: u32,
        _flags: VhostUserConfigFlags,
    ) -> Result<Vec<u8>> {
        Err(not_offered())
    }

    fn set_config(
        &mut self,
        _offset: u32,
        _buf: &[u8],
        _flags: VhostUserConfigFlags,
    ) -> Result<()> {
        Err(not_offered())
    }

    fn set_gpu_socket(&mut self, _gpu_backend: GpuBackend) -> Result<()> {
        Err(not_offered())
    }

    fn get_shared_object(&mut self, _uuid: VhostUserSharedMsg) -> Result<File> {
        Err(not_offered())
    }

    fn get_inflight_fd(
        &mut self,
        _inflight: &VhostUserInflight,
    ) -> Result<(VhostUserInflight, File)> {
        Err(not_offered())
    }

    fn set_inflight_fd(&mut self, _inflight: &VhostUserInflight, _file: File) -> Result<()> {
        Err(not_offered())
    }

    fn set_device_state_fd(
        &mut self,
        _direction: VhostTransferStateDirection,
        _phase: VhostTransferStatePhase,
        _fd: File,
    ) -> Result<Option<File>> {
        Err(not_offered())
    }

    fn check_device_state(&mut self) -> Result<()> {
        Err(not_offered())
    }

    fn get_shmem_config(&mut self) -> Result<VhostUserShMemConfig> {
        Err(not_offered())
    }

    fn set_log_base(&mut self, _log: &VhostUserLog, _file: File) -> Result<()> {
        Err(not_offered())
    }
}

/// Whether the virtqueue is the receive queue of its pair.
fn is_receive(at: usize) -> bool {
    at & 1 == 0
}

fn not_offered() -> Error {
    Error::InvalidOperation("this protocol feature is not offered")
}
