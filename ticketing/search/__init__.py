"""Find tickets by words: what is indexed of a ticket, and when. `ticketing.search.hits` looks things up.

Both databases are given words that are cut and folded here, and only compare them: so both find the same.
"""

from ticketing.search.index import drop_deleted, forget, observe, read_again, reindex, ticket_batches, write

__all__ = ["drop_deleted", "forget", "observe", "read_again", "reindex", "ticket_batches", "write"]
