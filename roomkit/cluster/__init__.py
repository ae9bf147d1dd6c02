"""What several processes share: the ports of `roomkit.core` on services that outlive any one of them."""
