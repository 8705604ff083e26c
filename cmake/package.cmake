# `cpack` in a build directory makes a .deb and a .tgz of what is installed.
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_VENDOR "fairlead")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Forwards every port opened in a dev container to localhost")
set(CPACK_PACKAGE_DESCRIPTION
"A supervisor notices every TCP port that a program opens in a dev
container, or in a command's own network, and makes it reachable on the
host's 127.0.0.1. Nothing is put into the container.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_RESOURCE_FILE_README ${PROJECT_SOURCE_DIR}/README.md)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The fairlead developers <fairlead@fairlead.invalid>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded when it is wanted (relay/nat/nft_context.h).
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "docker.io | docker-ce, libnftables1")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
