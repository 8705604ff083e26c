# Everything comes from packages; nothing is vendored. Debian's names: README.md "Building".
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)

add_library(fairlead_boost INTERFACE)
target_link_libraries(fairlead_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(fairlead_boost INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION)
# Third-party headers are not ours to warn about.
get_target_property(boost_includes Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(fairlead_boost SYSTEM INTERFACE ${boost_includes})

# spdlog and fmt compiled in rather than shared: a resting supervisor's memory counts.
add_library(fairlead_spdlog INTERFACE)
target_compile_definitions(fairlead_spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
target_link_libraries(fairlead_spdlog INTERFACE fmt::fmt-header-only)

# DNS messages alone are used; the static archive keeps the rest out of memory.
find_library(FAIRLEAD_CARES NAMES libcares.a cares REQUIRED)
add_library(fairlead_cares INTERFACE)
target_link_libraries(fairlead_cares INTERFACE ${FAIRLEAD_CARES})

# SHA-256 alone is used; the static archive keeps the rest out of memory.
find_library(FAIRLEAD_NETTLE NAMES libnettle.a REQUIRED)
add_library(fairlead_nettle INTERFACE)
target_link_libraries(fairlead_nettle INTERFACE ${FAIRLEAD_NETTLE})

# Loads and attaches programs that we write ourselves; static, because most supervisors never do. What
# it wants of zlib comes with every system.
find_library(FAIRLEAD_BPF NAMES libbpf.a REQUIRED)
find_library(FAIRLEAD_ELF NAMES libelf.a REQUIRED)
find_package(ZLIB REQUIRED)
add_library(fairlead_bpf INTERFACE)
target_link_libraries(fairlead_bpf INTERFACE ${FAIRLEAD_BPF} ${FAIRLEAD_ELF} ZLIB::ZLIB)

fairlead_precompiled(modules
  HEADERS <algorithm> <chrono> <functional> <map> <memory> <set> <string> <vector>
    <boost/asio/io_context.hpp> <boost/asio/local/stream_protocol.hpp>
    <boost/asio/posix/stream_descriptor.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>
    <nlohmann/json.hpp>
  LINKS fairlead_boost nlohmann_json::nlohmann_json)
