//! The admin surface: its own listener, bearer tokens, and the verbs that tune a live room.
