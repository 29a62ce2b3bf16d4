"""HTTP as every service speaks it: the edge, bounds and quotas, problems, probes, the pages all services have."""
