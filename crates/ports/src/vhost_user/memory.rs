//! A frontend's memory regions, from the two kinds of message that bring them.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::fstat;
use rustix::param::page_size;
use shmem::{GuestMemory, Handle, Mapping, Region};
use switch::Switch;
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
    handles: Vec<Handle>,
    /// Looking at an untouched page takes a page, of which a file in small pages has enough.
    has_small_pages: bool,
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
        regions: Vec<(Place, File)>,
    ) -> Result<(), String> {
        self.clear(switch);
        for (place, file) in regions {
            self.map(switch, place, &file)?;
        }
        self.rebuild()
    }

    /// Adds one region (ADD_MEM_REG). The rings are stopped.
    pub(super) fn add(&mut self, switch: &Switch, place: Place, file: &File) -> Result<(), String> {
        if self.regions.len() == MAX_REGIONS {
            return Err(format!("more than {MAX_REGIONS} memory regions"));
        }
        self.map(switch, place, file)?;
        self.rebuild()
    }

    /// Removes one region (REM_MEM_REG), named by its three addresses. The rings are stopped.
    pub(super) fn remove(&mut self, switch: &Switch, place: Place) -> Result<(), String> {
        let same = |mapped: &Mapped| {
            (mapped.place.gpa, mapped.place.uva, mapped.place.len)
                == (place.gpa, place.uva, place.len)
        };
        let at = self.regions.iter().position(same).ok_or_else(|| {
            format!(
                "no memory region at guest address {:#x} of {:#x} bytes to remove",
                place.gpa, place.len
            )
        })?;
        let gone = self.regions.remove(at);
        self.rebuild()?;
        switch.release(&gone.handles);
        Ok(())
    }

    /// Lets go of everything. The rings are stopped.
    pub(super) fn clear(&mut self, switch: &Switch) {
        self.guest = None;
        let handles: Vec<_> = self
            .regions
            .iter()
            .flat_map(|region| region.handles.iter().copied())
            .collect();
        if !handles.is_empty() {
            switch.release(&handles);
        }
        self.regions.clear();
    }

    fn map(&mut self, switch: &Switch, place: Place, file: &File) -> Result<(), String> {
        let mapping = Mapping::map(file.as_fd(), place.file_offset, place.len)
            .map_err(|error| format!("memory region at guest address {:#x}: {error}", place.gpa))?;
        let handles = switch.register(&mapping, 0, place.len);
        let has_small_pages = fstat(file).is_ok_and(|stat| stat.st_blksize as usize <= page_size());
        self.regions.push(Mapped {
            place,
            mapping,
            handles,
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
            handles: mapped.handles.clone(),
        });
        let guest = GuestMemory::new(regions.collect()).map_err(|error| error.to_string())?;
        self.guest = Some(Arc::new(guest));
        Ok(())
    }
}
