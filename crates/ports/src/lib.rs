//! One module per kind of port; vhost-user first.
