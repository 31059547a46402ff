"""Mailboxes on other people's IMAP servers, whose mail fills our inboxes.

`watching` has a thread for each; `connection` speaks IMAP; `reconciling` holds what is there against what we have;
`fetching` takes one mail in; `store` is what all of them write down.
"""
