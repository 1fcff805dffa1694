use std::fs;
use std::os::fd::AsFd;

use rustix::fs::{OFlags, SealFlags};

use super::*;

const PAGE: u64 = 4096;
const HUGE: u64 = 2 << 20;

fn file(len: u64) -> OwnedFd {
    memfd("shmem-test", len).unwrap()
}

fn write(mapping: &Mapping, offset: u64, bytes: &[u8]) {
    let window = mapping.window(offset, bytes.len()).unwrap();
    assert_eq!(window.write(bytes), bytes.len());
}

fn read(mapping: &Mapping, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    assert_eq!(mapping.window(offset, len).unwrap().read(&mut bytes), len);
    bytes
}

#[test]
fn two_mappings_of_a_file_are_the_same_memory() {
    let file = file(3 * PAGE);
    let whole = Mapping::map(file.as_fd(), 0, 3 * PAGE).unwrap();
    let part = Mapping::map(file.as_fd(), PAGE, PAGE).unwrap();
    write(&part, 5, b"hello");
    assert_eq!(read(&whole, PAGE + 5, 5), b"hello");
    assert_eq!((whole.len(), part.len()), (3 * PAGE, PAGE));
    assert!(!whole.is_lost());
}

#[test]
fn an_offset_inside_a_page_is_mapped_and_reaches_its_own_bytes_only() {
    let file = file(3 * PAGE);
    let whole = Mapping::map(file.as_fd(), 0, 3 * PAGE).unwrap();
    let part = Mapping::map(file.as_fd(), PAGE + 100, PAGE).unwrap();
    write(&part, 0, &[1; PAGE as usize]);
    assert_eq!(read(&whole, PAGE + 99, 2), [0, 1]);
    assert_eq!(read(&whole, 2 * PAGE + 99, 2), [1, 0]);
    assert!(part.window(0, PAGE as usize + 1).is_none());
}

#[test]
fn a_file_that_ends_too_early_is_refused() {
    let file = file(2 * PAGE);
    assert!(Mapping::map(file.as_fd(), 0, 2 * PAGE).is_ok());
    for (offset, len) in [
        (0, 2 * PAGE + 1),
        (PAGE, PAGE + 1),
        (2 * PAGE, 1),
        (1 << 40, 1),
    ] {
        let error = Mapping::map(file.as_fd(), offset, len).unwrap_err();
        assert!(
            matches!(error, MapError::FileTooSmall { file_len, .. } if file_len == 2 * PAGE),
            "{error}"
        );
    }
}

#[test]
fn a_range_that_nobody_could_address_is_refused() {
    let file = file(PAGE);
    let map = |offset, len| Mapping::map(file.as_fd(), offset, len).unwrap_err();
    assert!(matches!(map(0, 0), MapError::Empty));
    assert!(matches!(map(u64::MAX, 1), MapError::TooLarge { .. }));
    assert!(matches!(map(1, u64::MAX), MapError::TooLarge { .. }));
    assert!(matches!(map(PAGE, u64::MAX), MapError::TooLarge { .. }));
    assert!(matches!(map(0, u64::MAX), MapError::FileTooSmall { .. }));
    assert!(matches!(Mapping::anonymous(0), Err(MapError::Empty)));
    assert!(matches!(
        Mapping::anonymous(usize::MAX),
        Err(MapError::TooLarge { .. })
    ));
}

#[test]
fn a_file_that_may_not_be_written_is_refused_in_these_words() {
    let path = std::env::current_exe().unwrap();
    let read_only = fs::File::open(path).unwrap();
    let error = Mapping::map(read_only.as_fd(), 0, PAGE).unwrap_err();
    assert!(matches!(error, MapError::NotWritable), "{error}");
    assert!(error.to_string().contains("writable and shared"));
    for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        let sealed = file(PAGE);
        rustix::fs::fcntl_add_seals(&sealed, seal).unwrap();
        let error = Mapping::map(sealed.as_fd(), 0, PAGE).unwrap_err();
        assert!(matches!(error, MapError::NotWritable), "{error}");
    }
}

#[test]
fn what_is_no_memory_is_refused() {
    let directory = fs::File::open("/").unwrap();
    let error = Mapping::map(directory.as_fd(), 0, PAGE).unwrap_err();
    assert!(
        matches!(error, MapError::NotMappable | MapError::NotWritable),
        "{error}"
    );
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let error = Mapping::map(socket.as_fd(), 0, PAGE).unwrap_err();
    assert!(matches!(error, MapError::NotMappable), "{error}");
}

#[test]
fn a_sealed_size_is_no_obstacle() {
    let file = file(PAGE);
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    assert!(Mapping::map(file.as_fd(), 0, PAGE).is_ok());
}

#[test]
fn a_plain_file_can_back_memory() {
    let path = std::env::temp_dir().join(format!("shmem-test-{}", std::process::id()));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::open(&path, flags, 0o600.into()).unwrap();
    rustix::fs::ftruncate(&file, 2 * PAGE).unwrap();
    let mapping = Mapping::map(file.as_fd(), 10, PAGE).unwrap();
    write(&mapping, 0, b"plain");
    assert_eq!(fs::read(&path).unwrap()[10..15], *b"plain");
    fs::remove_file(path).unwrap();
}

/// What is asked for need not be whole huge pages; what is mapped must be.
#[test]
fn huge_pages_around_a_range_are_whole() {
    let around = |offset, len| Extent::around(offset, len, HUGE).unwrap();
    let extent = |offset, len, lead| Extent { offset, len, lead };
    let huge = HUGE as usize;
    assert_eq!(around(0, HUGE), extent(0, huge, 0));
    assert_eq!(around(0, 1), extent(0, huge, 0));
    assert_eq!(around(HUGE + PAGE, PAGE), extent(HUGE, huge, 4096));
    assert_eq!(around(HUGE - 1, 2), extent(0, 2 * huge, huge - 1));
    assert_eq!(around(3 * HUGE, 2 * HUGE), extent(3 * HUGE, 2 * huge, 0));
    for (offset, len) in [
        (u64::MAX - HUGE, HUGE),
        (0, u64::MAX),
        (0, 1 << 63),
        (u64::MAX, 1),
    ] {
        let error = Extent::around(offset, len, HUGE).unwrap_err();
        assert!(matches!(error, MapError::TooLarge { .. }), "{error}");
    }
}

/// Where the system has huge pages to spare the mapping is made, elsewhere its error names what is missing.
#[test]
fn a_hugetlbfs_file_is_mapped_by_its_own_pages() {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB;
    let file = match rustix::fs::memfd_create("shmem-huge", flags) {
        Ok(file) => file,
        // A kernel without them at all.
        Err(error) => {
            assert!(
                matches!(error, Errno::INVAL | Errno::NOSYS | Errno::PERM),
                "{error}"
            );
            return;
        }
    };
    let page = File::of(file.as_fd()).unwrap().page;
    assert!(page > PAGE && File::of(file.as_fd()).unwrap().is_huge);
    rustix::fs::ftruncate(&file, 2 * page).unwrap();
    // Neither offset nor length is a multiple of the page's size.
    match Mapping::map(file.as_fd(), page + PAGE + 1, PAGE) {
        Ok(mapping) => {
            write(&mapping, 0, b"huge");
            assert_eq!(read(&mapping, 0, 4), b"huge");
        }
        Err(MapError::NoHugePages { len, page: named }) => {
            assert_eq!((len, named), (page, page));
        }
        Err(error) => panic!("{error}"),
    }
    let error = Mapping::map(file.as_fd(), page, page + 1).unwrap_err();
    assert!(matches!(error, MapError::FileTooSmall { .. }), "{error}");
}

#[test]
fn the_last_owner_unmaps() {
    let file = memfd("shmem-test-unmapped", 2 * PAGE).unwrap();
    let is_mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains("shmem-test-unmapped")
    };
    let mapping = Mapping::map(file.as_fd(), 100, PAGE).unwrap();
    let other = mapping.clone();
    drop(mapping);
    assert!(is_mapped());
    drop(other);
    assert!(!is_mapped());
}

#[test]
fn anonymous_memory_starts_as_zeros() {
    let mapping = Mapping::anonymous(10_000).unwrap();
    assert_eq!(mapping.len(), 10_000);
    assert_eq!(read(&mapping, 0, 10_000), [0; 10_000]);
}
