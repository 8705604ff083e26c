// The one translation unit that compiles Asio's implementation.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#include <boost/asio/impl/src.hpp>
#pragma GCC diagnostic pop
