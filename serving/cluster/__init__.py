"""Starting and stopping a cluster on this machine: Ray Serve, the models, the edge."""
