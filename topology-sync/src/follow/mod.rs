//! Following: the records of a journal as changes of the twin.
mod netlink;
mod pairs;
mod routes;
