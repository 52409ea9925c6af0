ip netns add small_r1
ip netns exec small_r1 ip link set lo up
ip netns exec small_r1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip netns add small_r2
ip netns exec small_r2 ip link set lo up
ip netns exec small_r2 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip netns add small_h1
ip netns exec small_h1 ip link set lo up
ip netns add small_x1
ip netns exec small_x1 ip link set lo up
ip link add eth1 address 02:00:00:01:00:01 netns small_r1 type veth peer name eth1 address 02:00:00:02:00:01 netns small_r2
ip link add eth2 address 02:00:00:01:00:02 netns small_r1 type veth peer name p1 address 02:00:00:04:00:01 netns small_x1
ip link add eth2 address 02:00:00:02:00:02 netns small_r2 type veth peer name p2 address 02:00:00:04:00:02 netns small_x1
ip link add eth3 address 02:00:00:02:00:03 netns small_r2 type veth peer name eth1 address 02:00:00:03:00:01 netns small_h1
ip link add eth3 address 02:00:00:01:00:03 netns small_r1 type veth peer name eth4 address 02:00:00:02:00:04 netns small_r2
cat > /run/umbra-lab/small/r1.ip <<'END'
addr add 172.16.0.1/32 dev lo
link set eth1 alias "to r2"
addr add 10.128.0.1/24 dev eth1
link set eth1 up
addr add 10.128.1.1/24 dev eth2
link set eth2 up
addr add 172.16.0.1/32 dev eth3
link set eth3 up
END
ip -n small_r1 -batch /run/umbra-lab/small/r1.ip
cat > /run/umbra-lab/small/r2.ip <<'END'
addr add 10.0.0.2/32 dev lo
link set eth1 mtu 1400
addr add 10.128.0.2/24 dev eth1
link set eth1 up
addr add 10.128.1.2/24 dev eth2
link set eth2 up
addr add 10.9.0.1/24 dev eth3
link set eth3 up
addr add 10.0.0.2/32 dev eth4
END
ip -n small_r2 -batch /run/umbra-lab/small/r2.ip
ip netns exec small_r2 nft 'add table netdev lost; add chain netdev lost eth2 { type filter hook egress device eth2 priority 0; policy drop; }'
cat > /run/umbra-lab/small/h1.ip <<'END'
addr add 10.9.0.2/24 dev eth1
addr add 2001:db8::2/64 dev eth1
link set eth1 up
route replace default via 10.9.0.1
END
ip -n small_h1 -batch /run/umbra-lab/small/h1.ip
cat > /run/umbra-lab/small/x1.ip <<'END'
link add br0 address 02:00:00:04:00:00 type bridge forward_delay 0
link set br0 addrgenmode none
link set p1 master br0
link set p1 addrgenmode none
link set p1 up
link set p2 master br0
link set p2 addrgenmode none
link set p2 up
link set br0 up
END
ip -n small_x1 -batch /run/umbra-lab/small/x1.ip
ip netns exec small_x1 sh -c 'echo 16384 > /sys/class/net/br0/bridge/group_fwd_mask'
ip netns exec small_x1 nft 'add table netdev lost; add chain netdev lost p2 { type filter hook egress device p2 priority 0; policy drop; }'
install -d -o frr -g frr -m 750 /etc/frr/small_r1 /var/run/frr/small_r1
cat > /etc/frr/small_r1/vtysh.conf <<'END'
END
cat > /etc/frr/small_r1/zebra.conf <<'END'
hostname r1
END
cat > /etc/frr/small_r1/staticd.conf <<'END'
hostname r1
END
cat > /etc/frr/small_r1/ospfd.conf <<'END'
hostname r1
interface eth1
 ip ospf network point-to-point
 ip ospf area 0
 ip ospf cost 10
 ip ospf hello-interval 1
 ip ospf dead-interval 4
interface eth3
 ip ospf network point-to-point
 ip ospf area 0
 ip ospf cost 10
 ip ospf hello-interval 1
 ip ospf dead-interval 4
interface lo
 ip ospf area 0
router ospf
 ospf router-id 172.16.0.1
END
cat > /etc/frr/small_r1/isisd.conf <<'END'
hostname r1
interface lo
 ip router isis lab
 isis passive
interface eth2
 ip router isis lab
 isis metric 30
 isis hello-interval 1
 isis hello-multiplier 4
 no isis hello padding
router isis lab
 net 49.0001.1720.1600.0001.00
 is-type level-2-only
 metric-style wide
END
cat > /etc/frr/small_r1/bgpd.conf <<'END'
hostname r1
router bgp 65000
 bgp router-id 172.16.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 neighbor 10.128.0.2 remote-as 65001
 neighbor 10.128.0.2 timers connect 2
 neighbor 10.128.0.2 timers 3 9
 address-family ipv4 unicast
  network 192.0.2.0/24
  neighbor 10.128.0.2 activate
 exit-address-family
 bmp targets lab
  bmp stats interval 5000
  bmp monitor ipv4 unicast pre-policy
  bmp monitor ipv4 unicast post-policy
  bmp connect 127.0.0.1 port 5000 min-retry 500 max-retry 1000
END
chown -R frr:frr /etc/frr/small_r1
ip netns exec small_r1 /usr/lib/frr/zebra -d -N small_r1 -A 127.0.0.1 -f /etc/frr/small_r1/zebra.conf
ip netns exec small_r1 /usr/lib/frr/staticd -d -N small_r1 -A 127.0.0.1 -f /etc/frr/small_r1/staticd.conf
ip netns exec small_r1 /usr/lib/frr/ospfd -d -N small_r1 -A 127.0.0.1 -f /etc/frr/small_r1/ospfd.conf
ip netns exec small_r1 /usr/lib/frr/isisd -d -N small_r1 -A 127.0.0.1 -f /etc/frr/small_r1/isisd.conf
ip netns exec small_r1 /usr/lib/frr/bgpd -d -N small_r1 -A 127.0.0.1 -M bmp -f /etc/frr/small_r1/bgpd.conf
cat > /run/umbra-lab/small/r1.lldpd.conf <<'END'
configure lldp tx-interval 2
configure system description "umbra lab"
END
ip netns exec small_r1 unshare --uts --mount sh -c 'hostname r1; mkdir -p /run/lldpd; mount -t tmpfs tmpfs /run/lldpd; mount --bind /dev/null /etc/resolv.conf 2> /dev/null; lldpd -d -u /run/umbra-lab/small/r1.lldpd -O /run/umbra-lab/small/r1.lldpd.conf > /dev/null 2>&1 &'
install -d -o frr -g frr -m 750 /etc/frr/small_r2 /var/run/frr/small_r2
cat > /etc/frr/small_r2/vtysh.conf <<'END'
END
cat > /etc/frr/small_r2/zebra.conf <<'END'
hostname core.example.net
END
cat > /etc/frr/small_r2/staticd.conf <<'END'
hostname core.example.net
END
cat > /etc/frr/small_r2/ospfd.conf <<'END'
hostname core.example.net
interface eth1
 ip ospf network point-to-point
 ip ospf area 0
 ip ospf cost 20
 ip ospf hello-interval 1
 ip ospf dead-interval 4
interface eth3
 ip ospf network point-to-point
 ip ospf area 0
 ip ospf cost 10
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf passive
interface eth4
 ip ospf network point-to-point
 ip ospf area 0
 ip ospf cost 10
 ip ospf hello-interval 1
 ip ospf dead-interval 4
interface lo
 ip ospf area 0
router ospf
 ospf router-id 10.0.0.2
END
cat > /etc/frr/small_r2/isisd.conf <<'END'
hostname core.example.net
interface lo
 ip router isis lab
 isis passive
interface eth2
 ip router isis lab
 isis metric 10
 isis hello-interval 1
 isis hello-multiplier 4
 no isis hello padding
router isis lab
 net 49.0001.0100.0000.0002.00
 is-type level-2-only
 metric-style wide
END
cat > /etc/frr/small_r2/bgpd.conf <<'END'
hostname core.example.net
router bgp 65001
 bgp router-id 10.0.0.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 neighbor 10.128.0.1 remote-as 65000
 neighbor 10.128.0.1 timers connect 2
 neighbor 10.128.0.1 timers 3 9
 address-family ipv4 unicast
  neighbor 10.128.0.1 activate
 exit-address-family
END
chown -R frr:frr /etc/frr/small_r2
ip netns exec small_r2 /usr/lib/frr/zebra -d -N small_r2 -A 127.0.0.1 -f /etc/frr/small_r2/zebra.conf
ip netns exec small_r2 /usr/lib/frr/staticd -d -N small_r2 -A 127.0.0.1 -f /etc/frr/small_r2/staticd.conf
ip netns exec small_r2 /usr/lib/frr/ospfd -d -N small_r2 -A 127.0.0.1 -f /etc/frr/small_r2/ospfd.conf
ip netns exec small_r2 /usr/lib/frr/isisd -d -N small_r2 -A 127.0.0.1 -f /etc/frr/small_r2/isisd.conf
ip netns exec small_r2 /usr/lib/frr/bgpd -d -N small_r2 -A 127.0.0.1 -f /etc/frr/small_r2/bgpd.conf
cat > /run/umbra-lab/small/r2.lldpd.conf <<'END'
configure lldp tx-interval 2
configure system description "umbra lab"
END
ip netns exec small_r2 unshare --uts --mount sh -c 'hostname core.example.net; mkdir -p /run/lldpd; mount -t tmpfs tmpfs /run/lldpd; mount --bind /dev/null /etc/resolv.conf 2> /dev/null; lldpd -d -u /run/umbra-lab/small/r2.lldpd -O /run/umbra-lab/small/r2.lldpd.conf > /dev/null 2>&1 &'
cat > /run/umbra-lab/small/h1.lldpd.conf <<'END'
configure lldp tx-interval 2
configure system description "umbra lab"
END
ip netns exec small_h1 unshare --uts --mount sh -c 'hostname h1; mkdir -p /run/lldpd; mount -t tmpfs tmpfs /run/lldpd; mount --bind /dev/null /etc/resolv.conf 2> /dev/null; lldpd -d -r -u /run/umbra-lab/small/h1.lldpd -O /run/umbra-lab/small/h1.lldpd.conf > /dev/null 2>&1 &'
