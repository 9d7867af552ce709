//! The system calls that a process behind the wall may make. Whatever is not here is refused.

use libc::c_long;

/// Memory. Machine code is loaded by `mprotect`.
const MEMORY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_mincore,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
];

/// Threads, time, and what a process may know of itself. `clone` has a rule of its own.
const ITSELF: &[c_long] = &[
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    // Answered with `ENOSYS` by another filter, so that the C library falls back to `clone`, whose flags can be seen.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_uname,
];

/// What is done with descriptors that are open.
const DESCRIPTORS: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_sync_file_range,
    libc::SYS_write,
    libc::SYS_writev,
];

/// What is done with paths. Landlock decides on which.
const PATHS: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_linkat,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];

/// What is done with sockets that are open. None can be made, but pairs of Unix sockets.
const SOCKETS: &[c_long] =
    &[libc::SYS_getsockopt, libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_sendmsg, libc::SYS_shutdown];

/// Older forms of the above, which the C library of this architecture still uses.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_symlink,
    libc::SYS_time,
    libc::SYS_unlink,
];

#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Lists the calls that are served whatever their arguments are.
pub(crate) fn always() -> impl Iterator<Item = c_long> {
    [MEMORY, ITSELF, DESCRIPTORS, PATHS, SOCKETS, OLDER].into_iter().flatten().copied()
}

/// A call that is served for some arguments only.
pub(crate) struct Narrow {
    pub(crate) call: c_long,
    /// Which argument, from 0.
    pub(crate) argument: u8,
    pub(crate) values: Values,
}

/// Which values an argument may have.
pub(crate) enum Values {
    /// One of these.
    OneOf(Vec<u64>),
    /// Any with these bits set.
    WithBits(u64),
    /// The null pointer: the call then sends to the other end of a pair.
    Null,
}

/// Lists the calls that are served for some arguments only.
pub(crate) fn narrow() -> Vec<Narrow> {
    let own = u64::from(std::process::id());
    let one_of = |call, argument, values: &[u64]| Narrow { call, argument, values: Values::OneOf(values.to_vec()) };
    vec![
        // Threads; a process of its own is none.
        Narrow {
            call: libc::SYS_clone,
            argument: 0,
            values: Values::WithBits(u64::from(
                (libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND).cast_unsigned(),
            )),
        },
        // Names of threads and of memory, and the facts that a program starts with.
        one_of(libc::SYS_prctl, 0, &[libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, PR_GET_AUXV].map(number)),
        // Its own memory, many pieces at a time: places of guests that have ended.
        one_of(libc::SYS_process_madvise, 0, &[number(PIDFD_SELF)]),
        // Ending itself by a signal, as `abort` does.
        one_of(libc::SYS_tgkill, 0, &[own]),
        // Its own limits; what was lowered cannot be raised.
        one_of(libc::SYS_prlimit64, 0, &[0]),
        one_of(libc::SYS_ioctl, 1, &[libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS]),
        one_of(libc::SYS_socketpair, 0, &[number(libc::AF_UNIX)]),
        Narrow { call: libc::SYS_sendto, argument: 4, values: Values::Null },
    ]
}

/// `PIDFD_SELF_THREAD_GROUP`, which came with Linux 6.14: this process.
const PIDFD_SELF: libc::c_int = -10_000;
/// `PR_GET_AUXV`, which came with Linux 6.4.
const PR_GET_AUXV: libc::c_int = 0x4155_5856;

fn number(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}
