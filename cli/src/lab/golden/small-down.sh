sh -c 'ip netns pids small_r1 | xargs -r kill -9'
ip netns delete small_r1
rm -rf /etc/frr/small_r1 /var/run/frr/small_r1
sh -c 'ip netns pids small_r2 | xargs -r kill -9'
ip netns delete small_r2
rm -rf /etc/frr/small_r2 /var/run/frr/small_r2
sh -c 'ip netns pids small_h1 | xargs -r kill -9'
ip netns delete small_h1
rm -rf /etc/frr/small_h1 /var/run/frr/small_h1
sh -c 'ip netns pids small_x1 | xargs -r kill -9'
ip netns delete small_x1
rm -rf /etc/frr/small_x1 /var/run/frr/small_x1
rm -rf /run/umbra-lab/small
