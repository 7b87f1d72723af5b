/* SPDX-License-Identifier: Apache-2.0
 * The measure for everything else: reads a capture with libpcap and counts its
 * bytes, nothing more. */
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: yardstick FILE\n", stderr);
    return 2;
  }
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* capture = pcap_open_offline(argv[1], error);
  if (capture == NULL) {
    fprintf(stderr, "yardstick: %s\n", error);
    return 2;
  }
  unsigned long long packets = 0, bytes = 0;
  struct pcap_pkthdr* header;
  const unsigned char* data;
  while (pcap_next_ex(capture, &header, &data) == 1) {
    ++packets;
    bytes += header->caplen;
  }
  pcap_close(capture);
  printf("%llu packets, %llu bytes\n", packets, bytes);
  return 0;
}
