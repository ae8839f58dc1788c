//! The booking core against a real Postgres, over real sockets.

mod books;
mod link;
mod payment_world;
mod shop;
mod world;

mod buying;
mod catalogue;
mod cdn;
mod chaos;
mod clock;
mod cores;
mod described;
mod failover;
mod gate;
mod hooks;
mod insight;
#[cfg(feature = "kafka")]
mod kafka;
mod limits;
mod lost;
mod lost_end;
mod mails;
mod messages;
mod migration;
mod more_time;
mod organizers;
mod outbox;
mod overload;
mod payments;
mod plans;
mod pooler;
mod prune;
mod rabbit;
mod receipts;
mod refusals;
mod rush;
mod search;
mod secure;
mod sinks;
mod storm;
mod under_way;
mod watched;
mod webhooks;
mod wire;
mod work;
