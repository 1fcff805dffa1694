//! A frontend's memory regions, from the two kinds of message that bring them.

use std::fmt::Display;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::fstat;
use rustix::param::page_size;
use shmem::{GuestMemory, Mapping, Region};
use switch::{Block, PortId, Switch};
use vhost::vhost_user::message::{VhostUserMemoryRegion, VhostUserSingleMemoryRegion};

use super::features::MAX_REGIONS;

/// Where a region says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    gpa: u64,
    uva: u64,
    len: u64,
    file_offset: u64,
}

impl From<&VhostUserMemoryRegion> for Place {
    fn from(region: &VhostUserMemoryRegion) -> Self {
        Self {
            gpa: region.guest_phys_addr,
            uva: region.user_addr,
            len: region.memory_size,
            file_offset: region.mmap_offset,
        }
    }
}

impl From<&VhostUserSingleMemoryRegion> for Place {
    fn from(region: &VhostUserSingleMemoryRegion) -> Self {
        Self::from(&**region)
    }
}

/// Places of a region that are looked at to tell whether anything was ever written to it.
const SAMPLES: u64 = 256;

/// The regions a frontend has now, and what the rings see of them.
#[derive(Default)]
pub(super) struct Memory {
    regions: Vec<Mapped>,
    guest: Option<Arc<GuestMemory>>,
}

struct Mapped {
    place: Place,
    mapping: Arc<Mapping>,
    blocks: Vec<Block>,
    /// Device and inode of the file.
    file: Option<(u64, u64)>,
    /// How often it was added: QEMU adds and removes each region once for every queue pair.
    claims: u32,
    /// Looking at an untouched page takes a page, of which a file in small pages has enough.
    has_small_pages: bool,
}

impl Mapped {
    /// Whether a message names it, by its three addresses.
    fn is_at(&self, place: Place) -> bool {
        (self.place.gpa, self.place.uva, self.place.len) == (place.gpa, place.uva, place.len)
    }
}

impl Memory {
    /// What rings resolve addresses with; `None` before the first memory message.
    pub(super) fn guest(&self) -> Option<&Arc<GuestMemory>> {
        self.guest.as_ref()
    }

    /// Whether there is nothing but zeros wherever one looks: no machine that runs has such memory, but a VMM that shares
    /// its file and works on a private copy of it (QEMU with share=off) leaves the file so.
    pub(super) fn is_blank(&self) -> bool {
        self.regions.iter().all(|region| {
            let len = region.place.len;
            region.has_small_pages
                && (0..SAMPLES).all(|sample| {
                    let mut bytes = [0; 64];
                    let at = len / SAMPLES * sample;
                    region
                        .mapping
                        .window(at, bytes.len().min((len - at) as usize))
                        .is_some_and(|window| {
                            window.read(&mut bytes);
                            bytes == [0; 64]
                        })
                })
        })
    }

    /// Replaces every region (SET_MEM_TABLE). The rings are stopped.
    pub(super) fn replace(
        &mut self,
        switch: &Switch,
        port: PortId,
        regions: Vec<(Place, File)>,
    ) -> Result<(), String> {
        self.clear(switch);
        for (place, file) in regions {
            self.map(switch, port, place, &file)?;
        }
        self.rebuild()
    }

    /// Notes that a region that is here is added once more. False if it is not here: it is to be added.
    pub(super) fn claim(&mut self, place: Place, file: &File) -> bool {
        let file = identity(file);
        let same = |mapped: &&mut Mapped| mapped.place == place && mapped.file == file;
        let known = self
            .regions
            .iter_mut()
            .find(same)
            .filter(|_| file.is_some());
        known.is_some_and(|mapped| {
            mapped.claims = mapped.claims.saturating_add(1);
            true
        })
    }

    /// Undoes one [`Memory::claim`]. False if that was the last: the region is to be removed.
    pub(super) fn unclaim(&mut self, place: Place) -> bool {
        let known = self.regions.iter_mut().find(|mapped| mapped.is_at(place));
        known.is_some_and(|mapped| {
            let is_shared = mapped.claims > 1;
            mapped.claims -= u32::from(is_shared);
            is_shared
        })
    }

    /// Adds one region (ADD_MEM_REG). The rings are stopped.
    pub(super) fn add(
        &mut self,
        switch: &Switch,
        port: PortId,
        place: Place,
        file: &File,
    ) -> Result<(), String> {
        if self.regions.len() == MAX_REGIONS {
            return Err(format!("more than {MAX_REGIONS} memory regions"));
        }
        self.map(switch, port, place, file)?;
        self.rebuild()
    }

    /// Removes one region (REM_MEM_REG), named by its three addresses. The rings are stopped.
    pub(super) fn remove(&mut self, switch: &Switch, place: Place) -> Result<(), String> {
        let here = |mapped: &Mapped| mapped.is_at(place);
        let at = self.regions.iter().position(here).ok_or_else(|| {
            format!(
                "no memory region at guest address {:#x} of {:#x} bytes to remove",
                place.gpa, place.len
            )
        })?;
        let gone = self.regions.remove(at);
        self.rebuild()?;
        switch.release(gone.blocks);
        Ok(())
    }

    /// Lets go of everything. The rings are stopped.
    pub(super) fn clear(&mut self, switch: &Switch) {
        self.guest = None;
        let regions = self.regions.iter_mut();
        let blocks: Vec<_> = regions.flat_map(|region| region.blocks.drain(..)).collect();
        if !blocks.is_empty() {
            switch.release(blocks);
        }
        self.regions.clear();
    }

    fn map(
        &mut self,
        switch: &Switch,
        port: PortId,
        place: Place,
        file: &File,
    ) -> Result<(), String> {
        let refused = |error: &dyn Display| {
            format!("memory region at guest address {:#x}: {error}", place.gpa)
        };
        let mapping = Mapping::map(file.as_fd(), place.file_offset, place.len)
            .map_err(|error| refused(&error))?;
        let blocks = switch
            .register(port, &mapping, 0, place.len)
            .map_err(|error| refused(&error))?;
        let has_small_pages = fstat(file).is_ok_and(|stat| stat.st_blksize as usize <= page_size());
        self.regions.push(Mapped {
            place,
            mapping,
            blocks,
            file: identity(file),
            claims: 1,
            has_small_pages,
        });
        Ok(())
    }

    fn rebuild(&mut self) -> Result<(), String> {
        self.guest = None;
        if self.regions.is_empty() {
            return Ok(());
        }
        let regions = self.regions.iter().map(|mapped| Region {
            gpa: mapped.place.gpa,
            uva: mapped.place.uva,
            len: mapped.place.len,
            mapping: mapped.mapping.clone(),
            mapping_offset: 0,
            handles: mapped.blocks.iter().map(Block::handle).collect(),
        });
        let guest = GuestMemory::new(regions.collect()).map_err(|error| error.to_string())?;
        self.guest = Some(Arc::new(guest));
        Ok(())
    }
}

/// What tells one file from another.
fn identity(file: &File) -> Option<(u64, u64)> {
    let stat = fstat(file).ok()?;
    Some((stat.st_dev, stat.st_ino))
}
