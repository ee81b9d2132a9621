"""A recorded day against another policy or staffing: its callers and agents, played on the server's
own machines.
"""
