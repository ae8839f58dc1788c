//! Private servers for the demo, the tests and the benchmarks: own port, own data, stopped at the end.
//!
//! Nothing started here outlives the process that started it. Everything is stopped on drop. It is also stopped when
//! that process is killed, because each child watches a pipe which the kernel closes then.

mod child;
#[cfg(feature = "http")]
pub mod fan;
#[cfg(feature = "kafka")]
mod kafka;
mod mail;
mod nginx;
#[cfg(feature = "http")]
pub mod node;
mod ports;
mod postgres;
mod rabbit;
mod redis;
#[cfg(feature = "http")]
pub mod shop;
mod template;
mod watched;

pub use child::{ChildError, ChildProcess};
#[cfg(feature = "kafka")]
pub use kafka::{Committed, KafkaError, PrivateKafka};
pub use mail::MailServer;
pub use nginx::{Nginx, NginxError};
pub use ports::{free_port, listen, listen_async};
pub use postgres::{PostgresError, PostgresSetup, PrivatePostgres};
pub use rabbit::{PrivateRabbit, RabbitError};
pub use redis::{PrivateRedis, RedisError};
pub use template::PostgresTemplate;
