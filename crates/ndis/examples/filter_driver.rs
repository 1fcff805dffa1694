//! A filter driver that logs where each received frame's bytes lie: by address, MDL by MDL, and, where the indication vouches for
//! it, by shared memory handle and offset.
//!
//! ```text
//! NdisMIndicateReceiveNetBufferLists ─► FilterReceiveNetBufferLists ─► log ─► NdisFIndicateReceiveNetBufferLists
//! NdisReturnNetBufferLists           ─► FilterReturnNetBufferLists  ────────► NdisFReturnNetBufferLists
//! ```
//!
//! One source, two builds. `cargo run --example filter_driver --features link` runs the driver against a fake of NDIS's boundary. With
//! `--cfg driver` it is a kernel driver without `std`, which `cargo xtask test` links to a `.sys` with mingw's import
//! libraries. That `.sys` has not been loaded by a Windows kernel. What is missing for that: an INF, a signature, and a
//! `DriverUnload` in the DRIVER_OBJECT (a structure that `wdk-sys` has), without which the driver stays until reboot.

#![cfg_attr(driver, no_std, no_main)]
// UNSAFETY: a driver's entry points are called by NDIS with raw pointers, and call NDIS.
#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
#![allow(non_snake_case)]

use core::mem::{size_of, size_of_val};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use ndis::ffi::*;
use ndis::view::{Chain, NetBuffer, ViewError};
use ndis::*;

/// What NDIS knows the driver by.
static DRIVER: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(null_mut());

const FRIENDLY_NAME: &[WCHAR] = &utf16(*b"vmq frame locator\0");
const UNIQUE_NAME: &[WCHAR] = &utf16(*b"{6e2f2f5e-9c0a-4c86-9a50-7d0e2a5c1b42}\0");
const SERVICE_NAME: &[WCHAR] = &utf16(*b"VmqLocate\0");

/// What Windows calls first.
///
/// # Safety
/// The pointers are those that Windows gives to a driver.
#[no_mangle]
pub unsafe extern "system" fn DriverEntry(driver: PVOID, _registry_path: PVOID) -> NDIS_STATUS {
    let mut characteristics = NDIS_FILTER_DRIVER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
            Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
            Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
        },
        MajorNdisVersion: 6,
        MinorNdisVersion: 30,
        MajorDriverVersion: 1,
        FriendlyName: counted(FRIENDLY_NAME),
        UniqueName: counted(UNIQUE_NAME),
        ServiceName: counted(SERVICE_NAME),
        AttachHandler: Some(FilterAttach),
        DetachHandler: Some(FilterDetach),
        RestartHandler: Some(FilterRestart),
        PauseHandler: Some(FilterPause),
        ReceiveNetBufferListsHandler: Some(FilterReceiveNetBufferLists),
        ReturnNetBufferListsHandler: Some(FilterReturnNetBufferLists),
        ..NDIS_FILTER_DRIVER_CHARACTERISTICS::zeroed()
    };
    let mut handle = null_mut();
    // SAFETY: the characteristics are sound, and the entry points are functions of this image.
    let status =
        unsafe { NdisFRegisterFilterDriver(driver, driver, &mut characteristics, &mut handle) };
    DRIVER.store(handle, Ordering::Release);
    status
}

unsafe extern "system" fn FilterAttach(
    handle: NDIS_HANDLE,
    _driver_context: NDIS_HANDLE,
    _parameters: PVOID,
) -> NDIS_STATUS {
    let mut attributes = NDIS_FILTER_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
            Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
            Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
        },
        Flags: 0,
    };
    // This filter keeps nothing, so NDIS's handle of a module is all the context that it needs.
    // SAFETY: the handle is the one that this call came with.
    unsafe { NdisFSetAttributes(handle, handle, &mut attributes) }
}

unsafe extern "system" fn FilterDetach(_module: NDIS_HANDLE) {}

unsafe extern "system" fn FilterRestart(_module: NDIS_HANDLE, _parameters: PVOID) -> NDIS_STATUS {
    NDIS_STATUS_SUCCESS
}

unsafe extern "system" fn FilterPause(_module: NDIS_HANDLE, _parameters: PVOID) -> NDIS_STATUS {
    NDIS_STATUS_SUCCESS
}

unsafe extern "system" fn FilterReceiveNetBufferLists(
    module: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    port: NDIS_PORT_NUMBER,
    count: ULONG,
    flags: ULONG,
) {
    // SAFETY: NDIS lends the chain until it is handed on, below.
    let chain = unsafe { Chain::from_raw(lists, flags) };
    if let Err(error) = log_chain(chain) {
        log::broken(error);
    }
    // SAFETY: the chain is handed on as it came.
    unsafe { NdisFIndicateReceiveNetBufferLists(module, lists, port, count, flags) }
}

unsafe extern "system" fn FilterReturnNetBufferLists(
    module: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
) {
    // SAFETY: the chain is handed on as it came.
    unsafe { NdisFReturnNetBufferLists(module, lists, flags) }
}

fn log_chain(chain: Chain<'_>) -> Result<(), ViewError> {
    for nbl in chain {
        let nbl = nbl?;
        for frame in nbl.frames() {
            let frame = frame?;
            log::frame(nbl.queue_id(), frame.data_length());
            log_bytes(frame)?;
        }
    }
    Ok(())
}

fn log_bytes(frame: NetBuffer<'_>) -> Result<(), ViewError> {
    for span in frame.data() {
        let span = span?;
        log::span(span.address()?, span.len());
    }
    for segment in frame.shared_memory().into_iter().flatten() {
        let segment = segment?;
        log::segment(segment.handle, segment.offset, segment.length);
    }
    Ok(())
}

const fn utf16<const N: usize>(text: [u8; N]) -> [WCHAR; N] {
    let mut wide = [0; N];
    let mut at = 0;
    while at < N {
        wide[at] = text[at] as WCHAR;
        at += 1;
    }
    wide
}

/// A string with its terminating zero, as NDIS takes it.
fn counted(text: &'static [WCHAR]) -> NDIS_STRING {
    let bytes = size_of_val(text) as USHORT;
    NDIS_STRING {
        Length: bytes - size_of::<WCHAR>() as USHORT,
        MaximumLength: bytes,
        Buffer: text.as_ptr() as *mut WCHAR,
    }
}

/// The kernel's debugger output.
#[cfg(driver)]
mod log {
    use core::ffi::c_void;
    use ndis::view::ViewError;

    #[link(name = "ntoskrnl")]
    extern "C" {
        fn DbgPrint(format: *const i8, ...) -> u32;
    }

    pub(super) fn frame(queue: u16, length: u32) {
        // SAFETY: the format names as many values as follow, of these types. As below.
        unsafe {
            DbgPrint(
                b"frame of queue %u, %u bytes\n\0".as_ptr().cast(),
                u32::from(queue),
                length,
            )
        };
    }

    pub(super) fn span(address: *mut u8, length: u32) {
        // SAFETY: as above.
        unsafe { DbgPrint(b"  at %p, %u bytes\n\0".as_ptr().cast(), address, length) };
    }

    pub(super) fn segment(handle: *mut c_void, offset: u32, length: u32) {
        // SAFETY: as above.
        unsafe {
            DbgPrint(
                b"  in block %p at %u, room for %u\n\0".as_ptr().cast(),
                handle,
                offset,
                length,
            )
        };
    }

    pub(super) fn broken(error: ViewError) {
        // SAFETY: as above; the precision bounds the name, which no zero ends.
        unsafe {
            DbgPrint(
                b"a chain is broken: %.*s\n\0".as_ptr().cast(),
                error.member.len() as i32,
                error.member.as_ptr(),
            )
        };
    }
}

#[cfg(driver)]
mod kernel {
    //! What a program without `std` has to bring itself.

    extern "C" {
        fn a_panic_can_be_reached() -> !;
    }

    /// Linking fails if a panic can be reached.
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        // SAFETY: it does not exist, so this is never called.
        unsafe { a_panic_can_be_reached() }
    }
}

/// Lines that a test can look at.
#[cfg(not(driver))]
mod log {
    use ndis::view::ViewError;
    use ndis::NDIS_HANDLE;
    use std::cell::RefCell;

    thread_local! {
        pub(super) static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn say(line: String) {
        println!("{line}");
        LINES.with(|lines| lines.borrow_mut().push(line));
    }

    pub(super) fn frame(queue: u16, length: u32) {
        say(format!("frame of queue {queue}, {length} bytes"));
    }

    pub(super) fn span(address: *mut u8, length: u32) {
        say(format!("  at {address:p}, {length} bytes"));
    }

    pub(super) fn segment(handle: NDIS_HANDLE, offset: u32, length: u32) {
        say(format!(
            "  in block {handle:p} at {offset}, room for {length}"
        ));
    }

    pub(super) fn broken(error: ViewError) {
        say(format!("a chain is broken: {error}"));
    }
}

#[cfg(not(driver))]
#[path = "filter_driver/hosted.rs"]
mod hosted;

#[cfg(not(driver))]
fn main() {
    hosted::run();
}
