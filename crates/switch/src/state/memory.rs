//! Whose memory is registered: the workers' own and the machines'.

use std::sync::Arc;

use shmem::{Handle, Mapping};
use vmq::{NdisStatus, Usage};

use super::State;
use crate::memory::Block;
use crate::port::PortId;
use crate::spec::PortError;

impl State {
    /// Memory of a worker's own.
    pub(crate) fn register_host(
        &mut self,
        usage: Usage,
        mapping: &Arc<Mapping>,
    ) -> Result<Handle, NdisStatus> {
        match self.networks.first() {
            Some(Some(default)) => self.memory.of_host(&default.engine, usage, mapping),
            _ => Err(NdisStatus::FAILURE),
        }
    }

    /// Memory of the machine behind a port.
    pub(crate) fn register(
        &mut self,
        id: PortId,
        mapping: &Arc<Mapping>,
        offset: u64,
        len: u64,
    ) -> Result<Vec<Block>, PortError> {
        let port = self.port(id).ok_or(PortError::Unknown(id))?;
        let (of, queue, name) = (port.network, port.queue, port.name.clone());
        let Some(Some(network)) = self.networks.get(usize::from(of.0)) else {
            return Err(PortError::UnknownNetwork(of));
        };
        let engine = &network.engine;
        let blocks = self
            .memory
            .of_machine(of, engine, queue, mapping, offset, len);
        blocks.map_err(|status| PortError::Refused {
            what: format!("{len} bytes of memory for port {name:?}"),
            status,
        })
    }

    /// Forgets memory. The caller publishes.
    pub(crate) fn release(&mut self, blocks: Vec<Block>) {
        self.memory.free(blocks);
    }
}
