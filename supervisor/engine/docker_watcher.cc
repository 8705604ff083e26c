#include "supervisor/engine/docker_watcher.h"

#include <boost/asio/post.hpp>
#include <cerrno>

#include "supervisor/engine/docker_json.h"

namespace fairlead::engine {

using boost::system::error_code;

std::string docker_inspect_target(const std::string& id) {
  return "/containers/" + percent_encode(id) + "/json";
}

base::Result<target::Target> docker_inspect_answer(const std::string& id,
                                                   const base::Result<HttpResponse>& answer) {
  if (!answer) return answer.error();
  if (answer->status == 404) return base::errno_error(ENOENT, "container \"" + id + "\"");
  if (answer->status != 200) return base::plain_error("Docker: " + docker_message(answer->body));
  return parse_docker_container(answer->body);
}

DockerWatcher::DockerWatcher(boost::asio::io_context& loop, EngineAddress address)
    : loop_(loop), address_(std::move(address)), retry_(loop) {}

void DockerWatcher::inspect(const std::string& id,
                            std::function<void(base::Result<target::Target>)> done) {
  http_get(
      loop_, address_, docker_inspect_target(id),
      [id, engine = address_, done = std::move(done)](const base::Result<HttpResponse>& answer) {
        auto container = docker_inspect_answer(id, answer);
        if (container) {
          const auto command = [&](const std::vector<std::string>& words) {
            auto all = engine.command();
            all.insert(all.end(), words.begin(), words.end());
            return all;
          };
          container->engine_address = engine.text;
          container->engine_command = engine.command();
          container->exec_prefix = command({"exec", "-i", container->id});
          container->detached_exec_prefix = command({"exec", "-d", "-u", "0", container->id});
        }
        done(std::move(container));
      });
}

void DockerWatcher::has_sharer(const std::string& id, std::function<void(bool)> done) {
  http_get(loop_, address_, "/containers/json",
           [id, done = std::move(done)](const base::Result<HttpResponse>& answer) {
             done(answer && answer->status == 200 && docker_list_has_sharer(answer->body, id));
           });
}

void DockerWatcher::watch(std::function<void()> connected,
                          std::function<void(const EngineEvent&)> on_event) {
  connected_ = std::move(connected);
  on_event_ = std::move(on_event);
  open_stream();
}

void DockerWatcher::open_stream() {
  static const std::string kFilters = percent_encode(
      R"({"type":["container","network"],)"
      R"("event":["start","die","pause","unpause","destroy","connect","disconnect"]})");
  HttpLineStream::Handlers handlers;
  handlers.on_open = [this] {
    backoff_.reset();
    connected_();
  };
  handlers.on_line = [this](const std::string& line) {
    if (const auto event = parse_docker_event(line)) on_event_(*event);
  };
  handlers.on_end = [this](const base::Error&) {
    retry_.expires_after(backoff_.next());
    retry_.async_wait([this](error_code code) {
      if (!code) open_stream();
    });
  };
  stream_.emplace(loop_, address_, "/events?filters=" + kFilters, std::move(handlers));
}

}  // namespace fairlead::engine
