//! Hashtags, mentions, addresses and emoji in the text of a post.
