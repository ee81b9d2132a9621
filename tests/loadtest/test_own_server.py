from __future__ import annotations

import socket
from math import isnan

from loadtest.own_server import HOST, MetricsPage, free_port

PAGE = MetricsPage(
    """# HELP calls_total calls
calls_total{queue="a"} 3.0
calls_total{queue="b"} 4.0
calls_totally_other 9.0
lag_bucket{le="0.001"} 90.0
lag_bucket{le="0.01"} 99.0
lag_bucket{le="+Inf"} 100.0
idle_bucket{le="0.001"} 0.0
idle_bucket{le="+Inf"} 0.0
"""
)


def test_a_count_is_summed_over_its_labels() -> None:
    assert PAGE.sum("calls_total") == 7.0


def test_a_quantile_is_the_upper_bound_of_its_bucket() -> None:
    assert PAGE.quantile("lag", 0.5) == 0.001
    assert PAGE.quantile("lag", 0.99) == 0.01
    assert PAGE.quantile("lag", 0.999) == float("inf")


def test_a_quantile_is_of_what_came_since_a_page_before() -> None:
    later = MetricsPage(
        """lag_bucket{le="0.001"} 90.0
lag_bucket{le="0.01"} 109.0
lag_bucket{le="+Inf"} 110.0
"""
    )

    assert later.quantile("lag", 0.5) == 0.001
    assert later.quantile("lag", 0.5, PAGE) == 0.01
    assert isnan(PAGE.quantile("lag", 0.5, PAGE))


def test_a_histogram_without_values_has_no_quantile() -> None:
    assert isnan(PAGE.quantile("idle", 0.5))
    assert isnan(PAGE.quantile("unknown", 0.5))


def test_a_free_port_can_be_had_for_both_transports() -> None:
    port = free_port()

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        udp.bind((HOST, port))
        tcp.bind((HOST, port))
