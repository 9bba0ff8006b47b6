//! Weibo post ids: the short `bid` of addresses, the numeric `mid`, and the
//! time that the `mid` carries.
