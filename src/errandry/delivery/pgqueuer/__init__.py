"""The delivery on PostgreSQL: PgQueuer brings each delivery to one of many workers."""

from errandry.delivery.pgqueuer.delivery import PgQueuerDelivery

__all__ = ["PgQueuerDelivery"]
