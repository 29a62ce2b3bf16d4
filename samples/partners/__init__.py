"""Two small partner systems, as an agency might write them in an afternoon. They know the public API and nothing else.

`behind_firewall` can only call out: it pulls the feed. `webhook` is called: it checks signatures. Each keeps a store of
what it received (`store`), from which `held` says what it holds. Neither imports anything of the services.
"""
