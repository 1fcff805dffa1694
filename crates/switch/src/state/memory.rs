//! Whose memory is registered: the workers' own and the machines'.

use std::sync::Arc;

use shmem::{Handle, Mapping};
use vmq::{NdisStatus, Usage};

use super::State;
use crate::line::{self, Store};
use crate::memory::Block;
use crate::policy::Impairment;
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

    /// Memory for the line of a port that is asked to be a bad one: what another port had before, if there is some.
    pub(super) fn store_for(
        &mut self,
        port: &str,
        asked: &Impairment,
    ) -> Result<Option<Arc<Store>>, PortError> {
        if asked.is_none() {
            return Ok(None);
        }
        // Nobody else has it: neither a port nor a ring whose last frames are still on it.
        let spare = |store: &mut Arc<Store>| Arc::get_mut(store).is_some();
        if let Some(at) = self.stores.iter_mut().position(spare) {
            return Ok(Some(self.stores[at].clone()));
        }
        let refused = |why: String, status| PortError::Refused {
            what: format!("memory for the line of port {port:?}{why}"),
            status,
        };
        let mapping = Mapping::anonymous(line::SIZE)
            .map_err(|error| refused(format!(" ({error})"), NdisStatus::RESOURCES))?;
        let handle = self
            .register_host(Usage::Other, &mapping)
            .map_err(|status| refused(String::new(), status))?;
        let store = Arc::new(Store::new(mapping, handle));
        self.stores.push(store.clone());
        Ok(Some(store))
    }

    /// How many lines have memory.
    #[cfg(test)]
    pub(crate) fn lines(&self) -> usize {
        self.stores.len()
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
