//! A backend over the protocol crate's own backend side: it accepts what is right, refuses what is not, and remembers each step.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use shmem::{GuestMemory, Mapping, Region};
use testkit::guest::features;
use testkit::ring::Areas;
use vhost::vhost_user::message::*;
use vhost::vhost_user::{
    Backend, BackendReqHandler, Error, GpuBackend, Result, VhostUserBackendReqHandlerMut,
    VhostUserProtocolFeatures,
};

use crate::naive_device::NaiveRing;

/// What the backend offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer {
    /// Memory slots.
    pub(crate) slots: bool,
    /// Features that it does not have.
    pub(crate) without: u64,
}

/// A backend with a thread of its own that answers messages.
pub(crate) struct NaiveBackend {
    state: Arc<Mutex<State>>,
    thread: JoinHandle<Error>,
}

/// Both rings from the device's side.
pub(crate) struct Device {
    pub(crate) to_guest: DeviceRing,
    pub(crate) from_guest: DeviceRing,
    pub(crate) features: u64,
}

/// One ring from the device's side.
pub(crate) struct DeviceRing {
    pub(crate) ring: NaiveRing,
    kick: File,
    call: File,
}

impl DeviceRing {
    pub(crate) fn take_kicks(&self) -> u64 {
        let mut count = [0; 8];
        match (&self.kick).read_exact(&mut count) {
            Ok(()) => u64::from_ne_bytes(count),
            Err(_) => 0,
        }
    }

    pub(crate) fn call(&self) {
        (&self.call)
            .write_all(&1u64.to_ne_bytes())
            .expect("an eventfd");
    }
}

impl NaiveBackend {
    pub(crate) fn start() -> (NaiveBackend, UnixStream) {
        NaiveBackend::start_with(Offer::default())
    }

    /// A backend and the frontend's end of the connection.
    pub(crate) fn start_with(offer: Offer) -> (NaiveBackend, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        (NaiveBackend::over(ours, offer), theirs)
    }

    pub(crate) fn over(stream: UnixStream, offer: Offer) -> NaiveBackend {
        let state = Arc::new(Mutex::new(State {
            offer,
            ..State::default()
        }));
        let mut handler = BackendReqHandler::from_stream(stream, Arc::clone(&state));
        let thread = thread::spawn(move || {
            loop {
                if let Err(error) = handler.handle_request() {
                    return error;
                }
            }
        });
        NaiveBackend { state, thread }
    }

    /// Waits until the connection is over and says why.
    pub(crate) fn end(self) -> Error {
        self.thread.join().expect("the backend does not panic")
    }

    /// The steps so far.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.state().steps.clone()
    }

    pub(crate) fn enabled(&self) -> [bool; 2] {
        let state = self.state();
        [state.rings[0].enabled, state.rings[1].enabled]
    }

    /// What GET_VRING_BASE will say.
    pub(crate) fn set_bases(&self, bases: [u32; 2]) {
        let mut state = self.state();
        for (ring, base) in state.rings.iter_mut().zip(bases) {
            ring.base = base;
        }
    }

    /// The device's side of both rings, as the messages described them.
    pub(crate) fn device(&self) -> Device {
        let mut state = self.state();
        let to_guest = state.device_ring(0);
        let from_guest = state.device_ring(1);
        Device {
            to_guest,
            from_guest,
            features: state.features,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the backend does not panic")
    }
}

#[derive(Default)]
struct State {
    offer: Offer,
    features: u64,
    memory: Option<Arc<GuestMemory>>,
    rings: [RingState; 2],
    steps: Vec<String>,
}

#[derive(Default)]
struct RingState {
    size: u16,
    base: u32,
    areas: Option<Areas>,
    kick: Option<File>,
    call: Option<File>,
    enabled: bool,
}

impl State {
    fn step(&mut self, step: impl Into<String>) {
        self.steps.push(step.into());
    }

    fn ring(&mut self, index: u32) -> Result<&mut RingState> {
        self.rings
            .get_mut(index as usize)
            .ok_or(Error::InvalidParam)
    }

    fn device_ring(&mut self, index: usize) -> DeviceRing {
        let state = &self.rings[index];
        let event_idx = self.features & features::EVENT_IDX != 0;
        let memory = self.memory.as_ref().expect("memory was given");
        let mut ring = NaiveRing::new(
            memory,
            state.areas.expect("an address was given"),
            state.size,
            self.features & features::RING_PACKED != 0,
            event_idx,
        );
        ring.resume(state.base);
        let file = |file: &Option<File>| {
            file.as_ref()
                .expect("a file was given")
                .try_clone()
                .expect("a duplicate")
        };
        DeviceRing {
            ring,
            kick: file(&state.kick),
            call: file(&state.call),
        }
    }

    fn share(&mut self, regions: &[VhostUserMemoryRegion], files: &[File]) -> Result<()> {
        let mut shared = vec![];
        for (region, file) in regions.iter().zip(files) {
            let (offset, len) = (region.mmap_offset, region.memory_size);
            let mapping =
                Mapping::map(file.as_fd(), offset, len).map_err(|_| Error::InvalidParam)?;
            let (gpa, uva) = (region.guest_phys_addr, region.user_addr);
            shared.push(Region {
                gpa,
                uva,
                len,
                mapping,
                mapping_offset: 0,
                handles: vec![],
            });
        }
        let memory = GuestMemory::new(shared).map_err(|_| Error::InvalidParam)?;
        self.memory = Some(Arc::new(memory));
        Ok(())
    }

    /// Where an address of the frontend's lies for the guest, if `bytes` are there and it is aligned.
    fn gpa(&self, uva: u64, bytes: u64, align: u64) -> Result<u64> {
        let memory = self.memory.as_ref().ok_or(Error::InvalidParam)?;
        let inside = |region: &&Region| uva >= region.uva && uva + bytes <= region.uva + region.len;
        let region = memory.regions().find(inside).ok_or(Error::InvalidParam)?;
        if !uva.is_multiple_of(align) {
            return Err(Error::InvalidParam);
        }
        Ok(uva - region.uva + region.gpa)
    }
}

fn eventfd(file: Option<File>) -> Result<File> {
    let file = file.ok_or(Error::IncorrectFds)?;
    let name = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .map_err(Error::ReqHandlerError)?;
    if name.to_string_lossy() == "anon_inode:[eventfd]" {
        Ok(file)
    } else {
        Err(Error::IncorrectFds)
    }
}

impl VhostUserBackendReqHandlerMut for State {
    fn set_owner(&mut self) -> Result<()> {
        self.step("owner");
        Ok(())
    }

    fn get_features(&mut self) -> Result<u64> {
        self.step("features?");
        let all = features::VERSION_1
            | features::MRG_RXBUF
            | features::INDIRECT_DESC
            | features::EVENT_IDX
            | features::RING_PACKED
            | features::PROTOCOL_FEATURES;
        Ok(all & !self.offer.without)
    }

    fn set_features(&mut self, features: u64) -> Result<()> {
        self.step("features");
        self.features = features;
        Ok(())
    }

    fn get_protocol_features(&mut self) -> Result<VhostUserProtocolFeatures> {
        self.step("protocol features?");
        let slots = VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS;
        let always = VhostUserProtocolFeatures::MQ | VhostUserProtocolFeatures::REPLY_ACK;
        Ok(if self.offer.slots {
            always | slots
        } else {
            always
        })
    }

    fn set_protocol_features(&mut self, _features: u64) -> Result<()> {
        self.step("protocol features");
        Ok(())
    }

    fn get_queue_num(&mut self) -> Result<u64> {
        self.step("queues?");
        Ok(2)
    }

    fn set_mem_table(
        &mut self,
        regions: &[VhostUserMemoryRegion],
        files: Vec<File>,
        _postcopy: Option<bool>,
    ) -> Result<Option<Vec<u64>>> {
        self.step(format!("memory {}", regions.len()));
        if regions.len() > 8 {
            return Err(Error::InvalidParam);
        }
        self.share(regions, &files).map(|()| None)
    }

    fn get_max_mem_slots(&mut self) -> Result<u64> {
        self.step("slots?");
        Ok(8)
    }

    fn add_mem_region(
        &mut self,
        region: &VhostUserSingleMemoryRegion,
        file: File,
        _postcopy: Option<bool>,
    ) -> Result<Option<u64>> {
        self.step("region");
        self.share(&[**region], &[file]).map(|()| None)
    }

    fn set_vring_num(&mut self, index: u32, size: u32) -> Result<()> {
        self.step(format!("num {index}"));
        if !size.is_power_of_two() || size > 4096 {
            return Err(Error::InvalidParam);
        }
        self.ring(index)?.size = size as u16;
        Ok(())
    }

    fn set_vring_addr(
        &mut self,
        index: u32,
        _flags: VhostUserVringAddrFlags,
        descriptors: u64,
        used: u64,
        available: u64,
        _log: u64,
    ) -> Result<()> {
        self.step(format!("addr {index}"));
        let size = u64::from(self.ring(index)?.size);
        let [driver, device] = match self.features & features::RING_PACKED {
            0 => [(6 + 2 * size, 2), (6 + 8 * size, 4)],
            _ => [(4, 4), (4, 4)],
        };
        let areas = Areas {
            descriptors: self.gpa(descriptors, 16 * size, 16)?,
            driver: self.gpa(available, driver.0, driver.1)?,
            device: self.gpa(used, device.0, device.1)?,
        };
        self.ring(index)?.areas = Some(areas);
        Ok(())
    }

    fn set_vring_base(&mut self, index: u32, base: u32) -> Result<()> {
        self.step(format!("base {index}"));
        self.ring(index)?.base = base;
        Ok(())
    }

    fn get_vring_base(&mut self, index: u32) -> Result<VhostUserVringState> {
        self.step(format!("base? {index}"));
        let base = self.ring(index)?.base;
        Ok(VhostUserVringState::new(index, base))
    }

    fn set_vring_kick(&mut self, index: u8, file: Option<File>) -> Result<()> {
        self.step(format!("kick {index}"));
        self.ring(index.into())?.kick = Some(eventfd(file)?);
        Ok(())
    }

    fn set_vring_call(&mut self, index: u8, file: Option<File>) -> Result<()> {
        self.step(format!("call {index}"));
        self.ring(index.into())?.call = Some(eventfd(file)?);
        Ok(())
    }

    fn set_vring_enable(&mut self, index: u32, enable: bool) -> Result<()> {
        self.step(format!("enable {index}"));
        self.ring(index)?.enabled = enable;
        Ok(())
    }

    fn reset_owner(&mut self) -> Result<()> {
        unexpected("RESET_OWNER")
    }

    fn reset_device(&mut self) -> Result<()> {
        unexpected("RESET_DEVICE")
    }

    fn set_vring_err(&mut self, _: u8, _: Option<File>) -> Result<()> {
        unexpected("SET_VRING_ERR")
    }

    fn get_config(&mut self, _: u32, _: u32, _: VhostUserConfigFlags) -> Result<Vec<u8>> {
        unexpected("GET_CONFIG")
    }

    fn set_config(&mut self, _: u32, _: &[u8], _: VhostUserConfigFlags) -> Result<()> {
        unexpected("SET_CONFIG")
    }

    fn set_backend_req_fd(&mut self, _: Backend) {}

    fn set_gpu_socket(&mut self, _: GpuBackend) -> Result<()> {
        unexpected("GPU_SET_SOCKET")
    }

    fn get_shared_object(&mut self, _: VhostUserSharedMsg) -> Result<File> {
        unexpected("GET_SHARED_OBJECT")
    }

    fn get_inflight_fd(&mut self, _: &VhostUserInflight) -> Result<(VhostUserInflight, File)> {
        unexpected("GET_INFLIGHT_FD")
    }

    fn set_inflight_fd(&mut self, _: &VhostUserInflight, _: File) -> Result<()> {
        unexpected("SET_INFLIGHT_FD")
    }

    fn remove_mem_region(&mut self, _: &VhostUserSingleMemoryRegion) -> Result<()> {
        unexpected("REM_MEM_REG")
    }

    fn set_device_state_fd(
        &mut self,
        _: VhostTransferStateDirection,
        _: VhostTransferStatePhase,
        _: File,
    ) -> Result<Option<File>> {
        unexpected("SET_DEVICE_STATE_FD")
    }

    fn check_device_state(&mut self) -> Result<()> {
        unexpected("CHECK_DEVICE_STATE")
    }

    fn get_shmem_config(&mut self) -> Result<VhostUserShMemConfig> {
        unexpected("GET_SHMEM_CONFIG")
    }

    fn set_log_base(&mut self, _: &VhostUserLog, _: File) -> Result<()> {
        unexpected("SET_LOG_BASE")
    }
}

fn unexpected<T>(what: &'static str) -> Result<T> {
    Err(Error::InvalidOperation(what))
}
