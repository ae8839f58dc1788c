//! The bare proxy with the gate's allocator: what is left between the two is the gate's own work.

#[path = "../proxy.rs"]
mod proxy;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream] = arguments.as_slice() else { return std::process::ExitCode::FAILURE };
    proxy::serve(listen, upstream)
}
