#include "relay/nat/nft_context.h"

#include <dlfcn.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include <string_view>

#include "base/unique_fd.h"

namespace fairlead::relay {
namespace {

constexpr const char* kLibrary = "libnftables.so.1";

// The functions of the library that we use, under their own names.
struct Library {
  decltype(&::nft_ctx_new) nft_ctx_new;
  decltype(&::nft_ctx_free) nft_ctx_free;
  decltype(&::nft_ctx_buffer_output) nft_ctx_buffer_output;
  decltype(&::nft_ctx_buffer_error) nft_ctx_buffer_error;
  decltype(&::nft_ctx_get_output_buffer) nft_ctx_get_output_buffer;
  decltype(&::nft_ctx_get_error_buffer) nft_ctx_get_error_buffer;
  decltype(&::nft_ctx_output_set_flags) nft_ctx_output_set_flags;
  decltype(&::nft_run_cmd_from_buffer) nft_run_cmd_from_buffer;
  bool complete = false;
};

template <class Function>
bool find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  return function != nullptr;
}

// Stays loaded: a context may outlive anybody who could unload it.
const Library& library() {
  static const Library loaded = [] {
    Library one{};
    void* const handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    one.complete = handle != nullptr && find(handle, "nft_ctx_new", one.nft_ctx_new) &&
                   find(handle, "nft_ctx_free", one.nft_ctx_free) &&
                   find(handle, "nft_ctx_buffer_output", one.nft_ctx_buffer_output) &&
                   find(handle, "nft_ctx_buffer_error", one.nft_ctx_buffer_error) &&
                   find(handle, "nft_ctx_get_output_buffer", one.nft_ctx_get_output_buffer) &&
                   find(handle, "nft_ctx_get_error_buffer", one.nft_ctx_get_error_buffer) &&
                   find(handle, "nft_ctx_output_set_flags", one.nft_ctx_output_set_flags) &&
                   find(handle, "nft_run_cmd_from_buffer", one.nft_run_cmd_from_buffer);
    return one;
  }();
  return loaded;
}

nft_ctx* as_context(void* context) { return static_cast<nft_ctx*>(context); }

void free_context(void* context) { library().nft_ctx_free(as_context(context)); }

// "Error: Could not process rule: Operation not permitted" without its beginning and what follows.
std::string complaint(const char* buffer) {
  std::string_view words = buffer != nullptr ? buffer : "";
  words = words.substr(0, words.find('\n'));
  for (const std::string_view known : {"Error: ", "Could not process rule: "}) {
    if (words.starts_with(known)) words.remove_prefix(known.size());
  }
  return "nftables: " + (words.empty() ? std::string("refused") : std::string(words));
}

}  // namespace

NftContext::NftContext(void* context) : context_(context, &free_context) {}

base::Result<NftContext> NftContext::create() {
  if (!library().complete) {
    return base::plain_error(std::string(kLibrary) + " is not there (package libnftables1)");
  }
  // Where there is none, the library ends the process.
  if (const base::UniqueFd probe(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
      !probe) {
    return base::errno_error("nftables");
  }
  NftContext made(library().nft_ctx_new(NFT_CTX_DEFAULT));
  nft_ctx* const context = as_context(made.context_.get());
  if (context == nullptr || library().nft_ctx_buffer_output(context) != 0 ||
      library().nft_ctx_buffer_error(context) != 0) {
    return base::plain_error("nftables: no context is to be had");
  }
  library().nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_NUMERIC_ALL);
  return made;
}

base::Result<std::string> NftContext::run(const std::string& commands) {
  nft_ctx* const context = as_context(context_.get());
  const int status = library().nft_run_cmd_from_buffer(context, commands.c_str());
  // Asking empties them.
  const char* const output = library().nft_ctx_get_output_buffer(context);
  std::string printed = output != nullptr ? output : "";
  const char* const error = library().nft_ctx_get_error_buffer(context);
  if (status != 0) return base::plain_error(complaint(error));
  return printed;
}

base::Result<std::string> NftContext::run_for_json(const std::string& commands) {
  nft_ctx* const context = as_context(context_.get());
  library().nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_ALL);
  auto answer = run(commands);
  library().nft_ctx_output_set_flags(context, NFT_CTX_OUTPUT_NUMERIC_ALL);
  return answer;
}

}  // namespace fairlead::relay
