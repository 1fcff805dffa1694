//! NDIS as far as a filter driver sees it, and one received frame.

use std::cell::RefCell;
use std::ffi::c_void;
use std::mem::size_of_val;
use std::ptr::null_mut;

use ndis::ffi::*;
use ndis::*;

thread_local! {
    static NDIS: RefCell<Ndis> = RefCell::new(Ndis::default());
}

/// What the filter has told, and handed on.
#[derive(Default)]
struct Ndis {
    driver: Option<NDIS_FILTER_DRIVER_CHARACTERISTICS>,
    module: usize,
    above: Vec<(*mut NET_BUFFER_LIST, ULONG)>,
    below: Vec<*mut NET_BUFFER_LIST>,
}

const ADAPTER: NDIS_HANDLE = 0xADA0 as NDIS_HANDLE;

#[no_mangle]
extern "system" fn NdisFRegisterFilterDriver(
    _driver_object: PVOID,
    _context: NDIS_HANDLE,
    characteristics: *mut NDIS_FILTER_DRIVER_CHARACTERISTICS,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    // SAFETY: a driver registers with pointers to its own structures.
    let driver = unsafe {
        *handle = 0xF117 as NDIS_HANDLE;
        *characteristics
    };
    let sizes = [(
        NDIS_FILTER_CHARACTERISTICS_REVISION_2,
        usize::from(NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2),
    )];
    let object_type = NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS;
    match view::check_header(&driver.Header, object_type, &sizes, size_of_val(&driver)) {
        Ok(_) => {
            NDIS.with(|ndis| ndis.borrow_mut().driver = Some(driver));
            NDIS_STATUS_SUCCESS
        }
        Err(_) => NDIS_STATUS_BAD_VERSION,
    }
}

#[no_mangle]
extern "system" fn NdisFSetAttributes(
    handle: NDIS_HANDLE,
    module: NDIS_HANDLE,
    _attributes: *mut NDIS_FILTER_ATTRIBUTES,
) -> NDIS_STATUS {
    assert_eq!(handle, ADAPTER);
    NDIS.with(|ndis| ndis.borrow_mut().module = module as usize);
    NDIS_STATUS_SUCCESS
}

#[no_mangle]
extern "system" fn NdisFIndicateReceiveNetBufferLists(
    handle: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    _port: NDIS_PORT_NUMBER,
    _count: ULONG,
    flags: ULONG,
) {
    assert_eq!(handle, ADAPTER);
    NDIS.with(|ndis| ndis.borrow_mut().above.push((lists, flags)));
}

#[no_mangle]
extern "system" fn NdisFReturnNetBufferLists(
    handle: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    _flags: ULONG,
) {
    assert_eq!(handle, ADAPTER);
    NDIS.with(|ndis| ndis.borrow_mut().below.push(lists));
}

/// Lets the driver register, attach, see one frame and hand its return on.
pub(super) fn run() {
    // SAFETY: the fake looks at no driver object.
    let status = unsafe { super::DriverEntry(null_mut(), null_mut()) };
    assert_eq!(status, NDIS_STATUS_SUCCESS);
    let driver = NDIS.with(|ndis| ndis.borrow().driver).expect("registered");

    let mut bytes = [0x5A_u8; 256];
    let mut frame = Frame::over(&mut bytes);
    let lists: *mut NET_BUFFER_LIST = frame.link();
    let flags = NDIS_RECEIVE_FLAGS_SINGLE_QUEUE | NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;
    // SAFETY: entry points of a driver that registered, called in NDIS's order, with a frame that outlives the calls.
    unsafe {
        let attach = driver.AttachHandler.expect("must be there");
        assert_eq!(attach(ADAPTER, null_mut(), null_mut()), NDIS_STATUS_SUCCESS);
        let module = NDIS.with(|ndis| ndis.borrow().module) as *mut c_void;
        let restart = driver.RestartHandler.expect("must be there");
        assert_eq!(restart(module, null_mut()), NDIS_STATUS_SUCCESS);
        let receive = driver
            .ReceiveNetBufferListsHandler
            .expect("this filter has it");
        receive(module, lists, NDIS_DEFAULT_PORT_NUMBER, 1, flags);
        // Without the flag the same frame has no segments to speak of (R2).
        receive(module, lists, NDIS_DEFAULT_PORT_NUMBER, 1, 0);
        let give_back = driver
            .ReturnNetBufferListsHandler
            .expect("this filter has it");
        give_back(module, lists, 0);
        driver.PauseHandler.expect("must be there")(module, null_mut());
        driver.DetachHandler.expect("must be there")(module);
    }
    NDIS.with(|ndis| {
        let ndis = ndis.borrow();
        assert_eq!(ndis.above, [(lists, flags), (lists, 0)]);
        assert_eq!(ndis.below, [lists]);
    });
}

/// A frame of 100 bytes, split after 64: lookahead and rest.
struct Frame {
    list: NET_BUFFER_LIST,
    frame: NET_BUFFER,
    mdls: [MDL; 2],
    segments: [NET_BUFFER_SHARED_MEMORY; 2],
}

impl Frame {
    fn over(bytes: &mut [u8; 256]) -> Box<Self> {
        let base = bytes.as_mut_ptr();
        let piece = |offset: u32, length: u32| {
            let mdl = MDL {
                MdlFlags: MDL_SOURCE_IS_NONPAGED_POOL,
                MappedSystemVa: base.wrapping_add(offset as usize).cast(),
                ByteCount: length,
                ..MDL::zeroed()
            };
            let segment = NET_BUFFER_SHARED_MEMORY {
                SharedMemoryHandle: 0xB10C as NDIS_HANDLE,
                SharedMemoryOffset: offset,
                SharedMemoryLength: length,
                ..NET_BUFFER_SHARED_MEMORY::zeroed()
            };
            (mdl, segment)
        };
        let (lookahead, rest) = (piece(0, 64), piece(192, 64));
        Box::new(Self {
            list: NET_BUFFER_LIST::zeroed(),
            frame: NET_BUFFER {
                stDataLength: 100,
                ..NET_BUFFER::zeroed()
            },
            mdls: [lookahead.0, rest.0],
            segments: [lookahead.1, rest.1],
        })
    }

    fn link(&mut self) -> *mut NET_BUFFER_LIST {
        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut self.list, 3);
        self.mdls[0].Next = &mut self.mdls[1];
        self.segments[0].NextSharedMemorySegment = &mut self.segments[1];
        self.frame.MdlChain = &mut self.mdls[0];
        self.frame.CurrentMdl = self.frame.MdlChain;
        self.frame.SharedMemoryInfo = &mut self.segments[0];
        self.list.FirstNetBuffer = &mut self.frame;
        &mut self.list
    }
}

#[test]
fn each_frame_is_logged_with_the_places_of_its_bytes_and_handed_on() {
    run();
    let lines = super::log::LINES.with(|lines| lines.borrow().clone());
    assert_eq!(lines.len(), 8, "{lines:#?}");
    assert_eq!(lines[0], "frame of queue 3, 100 bytes");
    assert!(lines[1].starts_with("  at 0x") && lines[1].ends_with(", 64 bytes"));
    assert!(lines[2].starts_with("  at 0x") && lines[2].ends_with(", 36 bytes"));
    assert_eq!(lines[3], "  in block 0xb10c at 0, room for 64");
    assert_eq!(lines[4], "  in block 0xb10c at 192, room for 64");
    assert_eq!(lines[5..], [&lines[0][..], &lines[1], &lines[2]]);
}
