#include "target/exec_channel.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <optional>

#include "base/child_process.h"

namespace fairlead::target {
namespace {

namespace asio = boost::asio;
using base::UniqueFd;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

constexpr int kCannotStart = 127;

}  // namespace

// A child, watched until its end.
class ExecChannel::Job : public std::enable_shared_from_this<Job> {
 public:
  explicit Job(asio::io_context& loop) : end_watch_(loop) {}
  virtual ~Job() = default;

  // False: it could not be started.
  bool launch(std::vector<std::string> argv, int stdin_fd, int stdout_fd) {
    base::SpawnOptions options;
    options.argv = std::move(argv);
    options.stdin_fd = stdin_fd;
    options.stdout_fd = stdout_fd;
    options.die_with_parent = true;
    auto child = base::spawn(options);
    if (!child) return false;
    child_.emplace(std::move(*child));
    end_watch_.assign(fcntl(child_->pidfd().get(), F_DUPFD_CLOEXEC, 0));
    end_watch_.async_wait(Descriptor::wait_read,
                          [self = shared_from_this(), this](error_code failure) {
                            if (!failure) on_end(child_->wait());
                          });
    return true;
  }

  // Ends the process and forgets whoever waits for it.
  virtual void abandon() {
    error_code ignored;
    end_watch_.close(ignored);
    if (!child_) return;
    child_->kill();
    child_->wait();  // it was killed: this is a matter of microseconds
    child_.reset();
  }

 protected:
  virtual void on_end(int status) = 0;
  void kill() {
    if (child_) child_->kill();
  }

 private:
  Descriptor end_watch_;
  std::optional<base::ChildProcess> child_;
};

// Keeps its own copy of the child's end until the child has been reaped, so that the other side
// sees the end of the stream only when the status is known. That end is the child's stdio, so it
// must stay blocking, which nothing does that Asio watches: an epoll watches it instead,
// for the hang-up (the other end is closed altogether) and errors that it always tells.
class ExecChannel::StreamJob : public ExecChannel::Job {
 public:
  StreamJob(asio::io_context& loop, UniqueFd stream, std::function<void(int)> done)
      : Job(loop), stream_(std::move(stream)), hang_up_(loop), done_(std::move(done)) {}

  void start(std::vector<std::string> argv) {
    UniqueFd watch(epoll_create1(EPOLL_CLOEXEC));
    epoll_event nothing_else{};
    if (!watch || epoll_ctl(watch.get(), EPOLL_CTL_ADD, stream_.get(), &nothing_else) != 0 ||
        !launch(std::move(argv), stream_.get(), stream_.get())) {
      return on_end(kCannotStart);
    }
    hang_up_.assign(watch.release());
    hang_up_.async_wait(Descriptor::wait_read, [self = shared_from_this(), this](error_code code) {
      if (!code) kill();
    });
  }

  void abandon() override {
    done_ = nullptr;
    Job::abandon();
    close();
  }

 private:
  void on_end(int status) override {
    if (const auto done = std::exchange(done_, nullptr)) done(status);
    close();
  }
  void close() {
    error_code ignored;
    hang_up_.close(ignored);
    stream_.reset();
  }

  UniqueFd stream_;
  Descriptor hang_up_;
  std::function<void(int)> done_;
};

class ExecChannel::OutputJob : public ExecChannel::Job {
 public:
  using Done = std::function<void(base::Result<Output>)>;
  OutputJob(asio::io_context& loop, std::size_t limit, Done done)
      : Job(loop), output_(loop), deadline_(loop), limit_(limit), done_(std::move(done)) {}

  void start(std::vector<std::string> argv, std::chrono::milliseconds timeout) {
    const std::string name = argv.front();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return finish(base::errno_error("make a pipe"));
    UniqueFd write_end(ends[1]);
    output_.assign(ends[0]);
    if (!launch(std::move(argv), -1, write_end.get())) {
      return finish(base::errno_error(ENOENT, "start " + name));
    }
    read();
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this(), this](error_code code) {
      if (code) return;
      kill();
      finish(base::errno_error(ETIMEDOUT, "a command in the container"));
    });
  }

  void abandon() override {
    done_ = nullptr;
    Job::abandon();
    close();
  }

 private:
  void read() {
    output_.async_read_some(
        asio::buffer(chunk_), [self = shared_from_this(), this](error_code code, std::size_t size) {
          if (code) {
            ended_reading_ = true;
            return settle();
          }
          text_.append(chunk_.data(), std::min(size, limit_ - std::min(limit_, text_.size())));
          read();
        });
  }
  void on_end(int status) override {
    status_ = status;
    settle();
  }
  void settle() {
    if (status_ && ended_reading_) finish(Output{*status_, std::move(text_)});
  }
  void finish(base::Result<Output> result) {
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
    close();
  }
  void close() {
    error_code ignored;
    output_.close(ignored);
    deadline_.cancel();
  }

  Descriptor output_;
  asio::steady_timer deadline_;
  const std::size_t limit_;
  Done done_;
  std::array<char, 16384> chunk_;
  std::string text_;
  std::optional<int> status_;
  bool ended_reading_ = false;
};

ExecChannel::ExecChannel(asio::io_context& loop, std::vector<std::string> prefix)
    : loop_(loop), prefix_(std::move(prefix)) {}
ExecChannel::~ExecChannel() { close(); }

std::vector<std::string> ExecChannel::argv(std::vector<std::string> command) const {
  std::vector<std::string> all = prefix_;
  all.insert(all.end(), std::make_move_iterator(command.begin()),
             std::make_move_iterator(command.end()));
  return all;
}

void ExecChannel::connect_stream(std::vector<std::string> command, UniqueFd stream,
                                 std::function<void(int)> done) {
  asio::post(loop_, [weak = weak_from_this(), command = std::move(command),
                     stream = std::make_shared<UniqueFd>(std::move(stream)),
                     done = std::move(done)]() mutable {
    const auto self = weak.lock();
    if (!self || self->closed_) return done(kCannotStart);
    const auto holder = std::make_shared<std::weak_ptr<Job>>();
    const auto job = std::make_shared<StreamJob>(
        self->loop_, std::move(*stream), [weak, holder, done = std::move(done)](int status) {
          done(status);
          if (const auto still = weak.lock()) still->jobs_.erase(holder->lock());
        });
    *holder = job;
    self->jobs_.insert(job);
    job->start(self->argv(std::move(command)));
  });
}

void ExecChannel::run(std::vector<std::string> command, std::chrono::milliseconds timeout,
                      std::size_t limit, std::function<void(base::Result<Output>)> done) {
  const auto holder = std::make_shared<std::weak_ptr<Job>>();
  const auto job = std::make_shared<OutputJob>(
      loop_, limit,
      [weak = weak_from_this(), holder, done = std::move(done)](base::Result<Output> result) {
        if (const auto still = weak.lock()) still->jobs_.erase(holder->lock());
        done(std::move(result));
      });
  *holder = job;
  jobs_.insert(job);
  job->start(argv(std::move(command)), timeout);
}

void ExecChannel::close() {
  closed_ = true;
  std::set<std::shared_ptr<Job>> jobs;
  jobs.swap(jobs_);
  for (const auto& job : jobs) job->abandon();
}

}  // namespace fairlead::target
