"""What assures us that the system does what it promises. Nothing that runs in production needs it.

`harness` starts and watches everything, `oracle` says what must be true at the end. On them stand `chaos` (kills),
`leaks` (the search for planted people) and `siege` (attacks). `benchmarks` measures the kit alone.
"""
