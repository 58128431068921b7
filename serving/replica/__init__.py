"""The gRPC face of one model, on Ray Serve or on a bare grpc.aio server."""
